"""What the viewer remembers between two runs: a file that may be deleted or damaged at any time without harm."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_config_path
from PySide6.QtCore import QByteArray, QSettings

from brats_viewer.display import Display, Plane
from brats_viewer.readings import Index, Levels
from engine.data import Modality

T = TypeVar("T")
RECENT_LIMIT = 8


def settings_path() -> Path:
    """Where this person's settings are kept."""
    return user_config_path("brats-viewer", appauthor=False) / "settings.ini"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person was: the case, by what it was opened with, the voxel under the crosshair, plane and image."""

    path: Path
    cursor: Index
    plane: Plane
    modality: Modality


class Settings:
    """Typed access to the settings file; what is missing or unreadable there has its default."""

    def __init__(self, path: Path | None = None) -> None:
        self._store = QSettings(str(path or settings_path()), QSettings.Format.IniFormat)

    @property
    def geometry(self) -> QByteArray:
        """Where the window stood; empty at first."""
        return self._read("window/geometry", QByteArray, QByteArray())

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._store.setValue("window/geometry", geometry)

    @property
    def recent_cases(self) -> tuple[Path, ...]:
        """The folders or files opened last, the latest first; those that are gone are left out."""
        stored = self._store.value("cases/recent", [])
        paths = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return tuple(Path(path) for path in paths if isinstance(path, str) and Path(path).exists())

    def add_recent_case(self, path: Path) -> None:
        """Put a case at the head of the recent ones."""
        others = [recent for recent in self.recent_cases if recent != path]
        self._store.setValue("cases/recent", [str(kept) for kept in (path, *others)[:RECENT_LIMIT]])

    def clear_recent_cases(self) -> None:
        """Forget the recent cases."""
        self._store.remove("cases/recent")

    @property
    def last_folder(self) -> Path:
        """Where the next file dialog opens; the home folder at first."""
        folder = Path(self._read("cases/folder", str, ""))
        return folder if str(folder) != "." and folder.is_dir() else Path.home()

    @last_folder.setter
    def last_folder(self, folder: Path) -> None:
        self._store.setValue("cases/folder", str(folder))

    @property
    def opacity(self) -> float:
        """How much the labels cover the image, in [0, 1]."""
        return min(max(self._read("view/opacity", float, 0.35), 0.0), 1.0)

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self._store.setValue("view/opacity", opacity)

    @property
    def display(self) -> Display:
        """How cases are shown."""
        return Display.from_json(self._read_json("view/display"))

    @display.setter
    def display(self, display: Display) -> None:
        self._store.setValue("view/display", json.dumps(display.to_json()))

    @property
    def windows(self) -> Mapping[Modality, Levels]:
        """The window of each modality that has one of its own, as `Document.windows`."""
        known = {}
        for name, window in self._read_json("view/windows").items():
            if name in list(Modality) and isinstance(window, list) and len(window) == 2:
                low, high = (float(end) if isinstance(end, (int, float)) else 0.0 for end in window)
                if -math.inf < low < high < math.inf:
                    known[Modality(name)] = (low, high)
        return known

    @windows.setter
    def windows(self, windows: Mapping[Modality, Levels]) -> None:
        self._store.setValue("view/windows", json.dumps(dict(windows)))

    @property
    def dock_state(self) -> QByteArray:
        """How the parts of the window are arranged; empty at first."""
        return self._read("window/parts", QByteArray, QByteArray())

    @dock_state.setter
    def dock_state(self, state: QByteArray) -> None:
        self._store.setValue("window/parts", state)

    @property
    def reopens(self) -> bool:
        """Whether the viewer begins with the case that it was closed with."""
        return self._read("session/reopens", bool, True)

    @reopens.setter
    def reopens(self, reopens: bool) -> None:
        self._store.setValue("session/reopens", reopens)

    def keep_session(self, place: Place | None) -> None:
        """Note what was open and what was looked at, or that nothing was."""
        self._store.setValue("session/case", json.dumps(asdict(place) | {"path": str(place.path)} if place else {}))

    def take_session(self) -> Place | None:
        """What was noted, which is then forgotten: a case that ends the program must not be opened at every start."""
        kept = self._read_json("session/case")
        self._store.remove("session/case")
        path, cursor = kept.get("path"), kept.get("cursor")
        if not isinstance(path, str) or not Path(path).exists() or not isinstance(cursor, list) or len(cursor) != 3:
            return None
        i, j, k = (index if isinstance(index, int) else 0 for index in cursor)
        plane, modality = kept.get("plane"), kept.get("modality")
        return Place(
            Path(path),
            (i, j, k),
            Plane(plane) if plane in list(Plane) else Plane.AXIAL,
            Modality(modality) if modality in list(Modality) else Modality.T1C,
        )

    @property
    def model(self) -> str:
        """The model used last, by name; empty at first."""
        return self._read("segment/model", str, "")

    @model.setter
    def model(self, name: str) -> None:
        self._store.setValue("segment/model", name)

    @property
    def device(self) -> str:
        """The device used last, by name."""
        return self._read("segment/device", str, "auto")

    @device.setter
    def device(self, name: str) -> None:
        self._store.setValue("segment/device", name)

    @property
    def tta(self) -> str:
        """The test-time augmentation used last, by name."""
        return self._read("segment/tta", str, "flips")

    @tta.setter
    def tta(self, name: str) -> None:
        self._store.setValue("segment/tta", name)

    @property
    def runs_elsewhere(self) -> tuple[Path, ...]:
        """The folders of runs outside of the person's folder of runs; those that are gone are left out."""
        stored = self._read_json("training/elsewhere").get("folders")
        paths = stored if isinstance(stored, list) else []
        return tuple(Path(path) for path in paths if isinstance(path, str) and Path(path).is_dir())

    @runs_elsewhere.setter
    def runs_elsewhere(self, folders: Sequence[Path]) -> None:
        self._store.setValue("training/elsewhere", json.dumps({"folders": [str(folder) for folder in folders]}))

    @property
    def training_plan(self) -> Mapping[str, Any]:
        """The training that was started last, as `TrainingPlan.to_json`; empty at first."""
        return self._read_json("training/plan")

    @training_plan.setter
    def training_plan(self, plan: Mapping[str, Any]) -> None:
        self._store.setValue("training/plan", json.dumps(plan))

    def _read_json(self, key: str) -> dict[str, Any]:
        try:
            stored = json.loads(self._read(key, str, "{}"))
        except json.JSONDecodeError:
            return {}
        return stored if isinstance(stored, dict) else {}

    def _read(self, key: str, kind: type[T], default: T) -> T:
        stored: Any = self._store.value(key)
        if kind is bool:
            stored = {"true": True, "false": False}.get(str(stored).lower())
        elif kind is float:
            try:
                stored = float(stored)
            except (TypeError, ValueError):
                stored = None
        return stored if isinstance(stored, kind) and stored == stored else default
