"""What passes between a person and the trainings: what to train, which to open, and whether one outlives the window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from brats_viewer.dialogs.questions import ask_going_on
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from brats_viewer.training import Run, kept_weights
from brats_viewer.training_plan import TrainingPlan
from brats_viewer.training_session import TrainingSession
from engine.runs.state import Command, Stage
from engine.runs.table import read_table


class TrainingConversation(QObject):
    """Sets trainings up, opens them and shows their results on a person's behalf."""

    cases_asked = Signal(object)
    """The path of a data set that a person wants to see as a table."""

    def __init__(self, training: TrainingSession, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._training, self._session, self._settings, self._window = training, session, settings, window
        self._wanted: str | None = None  # the weights of a model that the next survey finds
        session.engine_surveyed.connect(self._use_wanted)
        training.run_started.connect(self._remember_runs)
        training.run_ended.connect(self._take_ended)

    def train(self) -> None:
        """Let the person set a training up, as the last one was at first, and start it."""
        from brats_viewer.dialogs.train_dialog import TrainDialog  # for which no start should wait

        plan = TrainingPlan.from_json(self._settings.training_plan)
        dialog = TrainDialog(self._training, plan, self._session.models, self._session.devices, self._window)
        dialog.start_asked.connect(self._start)
        dialog.open()

    def _start(self, plan: TrainingPlan) -> None:
        self._settings.training_plan = plan.to_json()
        self._training.start(plan.folder, plan.config, plan.source)

    def open_run(self) -> bool:
        """Let the person pick the folder of a run, and watch it; whether they did."""
        start = str(self._settings.last_folder)
        folder = QFileDialog.getExistingDirectory(self._window, "Open the folder of a run", start)
        if folder:
            self._settings.last_folder = Path(folder).parent
            self._training.open_run(Path(folder))
            self._remember_runs()
        return bool(folder)

    def _remember_runs(self, *_: object) -> None:
        self._settings.runs_elsewhere = self._training.elsewhere

    def _take_ended(self, run: Run) -> None:
        """The model of a run that has finished is one to segment with."""
        if run.stage is Stage.FINISHED and not self._session.surveying.is_running:
            self._session.survey()

    def show_results(self, run: Run) -> None:
        """Show the Dice of a run's validation cases, where it has any."""
        if not run.table.is_file():
            return
        from brats_viewer.dialogs.train_results import TrainResults

        dialog = TrainResults(run, read_table(run.folder), self._window)
        dialog.folder_asked.connect(self.show_folder)
        dialog.open()

    def show_cases(self, run: Run) -> None:
        """Show the cases that a run was trained on, to evaluate its model on them."""
        self.use(run)
        if run.source and run.source.dataset:
            self.cases_asked.emit(run.source.dataset)

    def use(self, run: Run) -> None:
        """Choose a run's model for what is segmented next; one that is not listed yet as soon as it is."""
        self._wanted = kept_weights(run)
        self._use_wanted()

    def _use_wanted(self) -> None:
        if self._wanted is None:
            return
        plan = self._session.plan
        names = [model.name for model in self._session.models if model.sha256 == self._wanted]
        if names:
            self._wanted = None
            self._session.set_plan(names[0], plan.device, plan.tta)

    def show_folder(self, folder: Path) -> None:
        """Show a folder in the system's own way."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def leave(self, then: Callable[[], None]) -> bool:
        """Ask whether the trainings that run go on without the window; whether there was anything to ask.

        Once a person has said so, `then` is called: at once, or when those that are told to stop have been told.
        """
        alive = self._training.alive
        if not alive:
            return False

        def stop() -> None:
            for run in alive:
                self._training.tell_now(run.folder, Command.STOP)
            then()

        ask_going_on(self._window, [run.name for run in alive], go_on=then, stop=stop)
        return True
