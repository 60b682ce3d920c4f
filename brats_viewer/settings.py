"""What the viewer remembers between two runs: a file that may be deleted or damaged at any time without harm."""

from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_config_path
from PySide6.QtCore import QByteArray, QSettings

T = TypeVar("T")
RECENT_LIMIT = 8


def settings_path() -> Path:
    """Where this person's settings are kept."""
    return user_config_path("brats-viewer", appauthor=False) / "settings.ini"


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
        return min(max(self._read("view/opacity", float, 0.5), 0.0), 1.0)

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self._store.setValue("view/opacity", opacity)

    @property
    def radiological(self) -> bool:
        """Whether the patient's right is at the left of the screen."""
        return self._read("view/radiological", bool, True)

    @radiological.setter
    def radiological(self, radiological: bool) -> None:
        self._store.setValue("view/radiological", radiological)

    @property
    def crosshair(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._read("view/crosshair", bool, True)

    @crosshair.setter
    def crosshair(self, shown: bool) -> None:
        self._store.setValue("view/crosshair", shown)

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
