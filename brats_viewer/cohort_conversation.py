"""What passes between a person and the cohort: which folder, where results are or go, and where a table is saved."""

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from brats_viewer.cohort_session import CohortSession
from brats_viewer.session import Session
from brats_viewer.settings import Settings


class CohortConversation(QObject):
    """Opens, evaluates and saves cohorts on a person's behalf."""

    def __init__(self, cohort: CohortSession, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._cohort, self._session, self._settings, self._window = cohort, session, settings, window

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
        """Let the person say where results go, and evaluate the model of the session's plan on the cohort."""
        plan, start = self._session.plan, self._cohort.folder or self._settings.last_folder
        folder = self._ask_folder("Choose a folder for the scores and masks", start)
        if folder:
            self._cohort.evaluate(plan.model, plan.tta, plan.device, folder)

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
