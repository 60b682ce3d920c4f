"""What passes between a person and the cohort: which folder, with what to evaluate, and where results and tables go."""

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from brats_viewer.cohort_session import CohortSession, Method
from brats_viewer.remote import TTA_TITLES
from brats_viewer.session import Session
from brats_viewer.settings import Settings


class CohortConversation(QObject):
    """Opens, evaluates and saves cohorts on a person's behalf."""

    def __init__(self, cohort: CohortSession, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._cohort, self._session, self._settings, self._window = cohort, session, settings, window
        for changed in (session.engine_surveyed, session.plan_changed):
            changed.connect(self._choose_method)
        self._choose_method()

    def _choose_method(self) -> None:
        """Evaluate as the next segmentation is planned."""
        model, plan = self._session.model, self._session.plan
        if model is None:
            self._cohort.set_method(None)
            return
        devices = {device.name: device.title for device in self._session.devices}
        device = devices.get(plan.device, "the fastest device")
        title = f"{model.title} on {device}, TTA: {TTA_TITLES[plan.tta].lower()}"
        self._cohort.set_method(Method(plan.model, plan.tta, plan.device, title))

    def choose_folder(self) -> bool:
        """Let the person pick a folder of cases, and open it; whether they did."""
        folder = self._ask_folder("Open a folder of cases", self._settings.last_folder)
        if folder:
            self._cohort.open(folder)
        return folder is not None

    def choose_results(self) -> None:
        """Let the person pick the folder of an evaluation's results."""
        folder = self._ask_folder("Open an evaluation's results", self._cohort.folder or self._settings.last_folder)
        if folder:
            self._cohort.read_results(folder)

    def evaluate(self) -> None:
        """Let the person say where results go, and evaluate on the cohort what the question names."""
        method, start = self._cohort.method, self._cohort.folder or self._settings.last_folder
        if method is None:
            return
        folder = self._ask_folder(f"Choose a folder for the scores and masks of {method.title}", start)
        if folder and self._cohort.can_evaluate:
            self._cohort.evaluate(method, folder)

    def save_table(self) -> None:
        """Let the person say where the table goes."""
        start = (self._cohort.folder or self._settings.last_folder) / "cases.csv"
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the table", str(start), "Tables (*.csv)")
        if name:
            self._cohort.save_table(Path(name) if name.endswith(".csv") else Path(f"{name}.csv"))

    def _ask_folder(self, title: str, start: Path) -> Path | None:
        folder = QFileDialog.getExistingDirectory(self._window, title, str(start))
        if not folder:
            return None
        self._settings.last_folder = Path(folder).parent
        return Path(folder)
