"""The settings of a training: what a person must say is asked, the rest is preset, and what cannot run is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFont, QFontMetrics
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.controls import Line
from brats_viewer.dialogs.train_advanced import AdvancedSettings
from brats_viewer.dialogs.train_cases import CasesCard
from brats_viewer.dialogs.train_estimate import EstimateLine
from brats_viewer.dialogs.train_recipe import RecipeCard
from brats_viewer.remote import Device, Model
from brats_viewer.training_plan import (
    TrainingPlan,
    folder_problem,
    settings_problem,
    weights_problem,
    with_length,
)
from brats_viewer.training_session import TrainingSession
from engine.data import Modality
from engine.data.split import parse_fold
from engine.errors import TrainingError
from engine.runs.presets import FIRST_WEIGHTS, PRESETS, PresetName, settings_of

_SIZE = QSize(800, 860)
"""With less room its content is scrolled."""
_NO_FOLDER = Path()
"""Somebody's own cases, which are not chosen yet."""
_FEWEST_CASES = 3
_BUTTON_PADDING_PX = 16


class TrainDialog(QDialog):
    """Asks for everything that decides a training, checks it as it is typed, and starts it."""

    start_asked = Signal(object)
    """The `TrainingPlan` that a person wants to run."""

    def __init__(
        self,
        training: TrainingSession,
        plan: TrainingPlan,
        models: Sequence[Model],
        devices: Sequence[Device],
        parent: QWidget | None = None,
    ) -> None:
        """plan: what is set at first. models, devices: those that there are."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Train a model")
        self.setAcceptDrops(True)
        self._training, self._plan, self._models, self._devices = training, plan, models, devices
        if plan.source.dataset is None:
            self._plan = replace(plan, source=replace(plan.source, dataset=_NO_FOLDER))
        self.cases = CasesCard(training, plan.folder.parent)
        self.recipe = RecipeCard(models, devices)
        self.advanced = AdvancedSettings()
        self.estimate = EstimateLine(training)
        self._complaint, self._notice = Line(tone="danger"), Line(tone="warning")
        self._complaint.setObjectName("complaint")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start_button = self._buttons.addButton("Start training", QDialogButtonBox.ButtonRole.AcceptRole)
        self._lay_out()
        self._follow()
        training.forget_check()
        training.forget_estimate()
        training.measure_memory([device.name for device in devices])
        if self._dataset:
            self._check()
        self._show()

    def _lay_out(self) -> None:
        content = QWidget()
        content.setObjectName("column")
        column = QVBoxLayout(content)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        for part in (self.cases, self.recipe, self.advanced):
            column.addWidget(part)
        column.addStretch(1)
        self._area = area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        foot = QFrame()
        foot.setObjectName("foot")
        below = QVBoxLayout(foot)
        below.setContentsMargins(16, 10, 16, 12)
        below.setSpacing(8)
        for line in (self.estimate, self._notice, self._complaint, self._buttons):
            below.addWidget(line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(foot)
        for other in self.findChildren(QPushButton):
            other.setAutoDefault(False)  # Return starts the training and presses nothing else
        self.start_button.setDefault(True)
        bold = QFont(self.font())
        bold.setBold(True)  # as the style has the default button, which the button box does not measure
        room = QFontMetrics(bold).horizontalAdvance(self.start_button.text())
        self.start_button.setMinimumWidth(room + 2 * _BUTTON_PADDING_PX)
        parent = self.parentWidget()
        self.resize(_SIZE.boundedTo(parent.window().size()) if parent else _SIZE)

    def _follow(self) -> None:
        training, recipe = self._training, self.recipe
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self.cases.dataset_chosen.connect(self.choose_dataset)
        self.cases.leaving_out_chosen.connect(self._choose_leaving_out)
        self.cases.check_asked.connect(self._check)
        recipe.preset_chosen.connect(self.choose_preset)
        recipe.modalities_chosen.connect(self._choose_modalities)
        recipe.length_chosen.connect(self._choose_length)
        recipe.init_chosen.connect(self._choose_init)
        recipe.device_chosen.connect(self._choose_device)
        recipe.split_chosen.connect(self._choose_split)
        recipe.folder_chosen.connect(self._choose_folder)
        recipe.problem_changed.connect(self._show)
        self.advanced.edited.connect(self.edit)
        self.advanced.problem_changed.connect(self._show)
        self.advanced.unfolded.connect(self._reveal_advanced)
        self.estimate.measure_asked.connect(self._measure)
        for changed in (
            training.checking.changed,
            training.check_changed,
            training.estimate_changed,
            training.estimating.changed,
            training.starting.changed,
            training.memory_changed,
        ):
            changed.connect(self._show)
        training.run_started.connect(self._close_started)

    # What is set

    @property
    def plan(self) -> TrainingPlan:
        """What is set now."""
        return self._plan

    @property
    def _dataset(self) -> Path | None:
        """The folder of cases; None for synthetic ones, or while none is chosen."""
        dataset = self._plan.source.dataset
        return None if dataset == _NO_FOLDER else dataset

    def choose_dataset(self, dataset: Path | None) -> None:
        """Train on the cases of a folder, which are looked through at once; None for synthetic cases."""
        plan = self._plan
        if dataset == plan.source.dataset and (dataset is None or self._training.checked or not dataset.name):
            return
        config = plan.config
        if dataset is None and config.epochs is not None:
            config = with_length(config, "steps", config.steps)
        elif dataset is not None and PRESETS[plan.preset].epochs and plan.source.dataset is None:
            config = with_length(config, "epochs", PRESETS[plan.preset].epochs or 1.0)
        source = replace(plan.source, dataset=dataset)
        if dataset is None:
            source = replace(source, fold=None, split=None)
        self._set(replace(plan, config=config, source=source))
        if self._dataset:
            self._check()
        else:
            self._training.forget_check()

    def choose_preset(self, preset: PresetName) -> None:
        """Set everything that a preset sets."""
        config = PRESETS[preset]
        if self._plan.source.dataset is None and config.epochs is not None:
            config = with_length(config, "steps", config.steps)
        source = replace(self._plan.source, init=FIRST_WEIGHTS[preset])
        before = self._plan.config.modalities
        self._set(replace(self._plan, preset=preset, config=config, source=source))
        if before != config.modalities and self._dataset:
            self._check()

    def edit(self, name: str, value: object) -> None:
        """Change one field of the settings."""
        self._set(replace(self._plan, config=replace(self._plan.config, **{name: value})))  # type: ignore[arg-type]

    def _choose_modalities(self, modalities: Sequence[Modality]) -> None:
        self.edit("modalities", tuple(modalities))
        if modalities and self._dataset:
            self._check()

    def _choose_length(self, kind: str, value: float) -> None:
        self._set(replace(self._plan, config=with_length(self._plan.config, kind, value)))

    def _choose_leaving_out(self, leave_out: bool) -> None:
        self._set_source(leave_out_bad=leave_out)

    def _choose_init(self, init: str | None) -> None:
        before, after = (settings_of(self._plan.preset, start) for start in (self._plan.source.init, init))
        config = self._plan.config
        if config.learning_rate == before.learning_rate:  # nobody chose another
            config = replace(config, learning_rate=after.learning_rate)
        self._set(replace(self._plan, config=config, source=replace(self._plan.source, init=init)))

    def _choose_device(self, device: str) -> None:
        self._set_source(device=device)

    def _choose_split(self, fold: str | None, split: Path | None) -> None:
        self._set_source(fold=fold, split=split)

    def _choose_folder(self, folder: Path) -> None:
        self._plan = replace(self._plan, folder=folder)
        self._show()

    def _set_source(self, **changes: object) -> None:
        self._set(replace(self._plan, source=replace(self._plan.source, **changes)))  # type: ignore[arg-type]

    def _set(self, plan: TrainingPlan) -> None:
        """What was measured does not hold for another plan."""
        if plan != self._plan:
            self._plan = plan
            self._training.forget_estimate()
        self._show()

    # What is shown of it

    def _show(self) -> None:
        plan, source = self._plan, self._plan.source
        self.cases.show_choice(self._dataset, synthetic=source.dataset is None, leave_out_bad=source.leave_out_bad)
        self.recipe.show_plan(plan, self._training.free_bytes)
        self.advanced.show_plan(plan)
        starting = self._training.starting
        problem = self.problem()
        failed = starting.failure.line if starting.failure else ""
        waits = self._plan.source.dataset == _NO_FOLDER or self._training.checking.is_running
        self._complaint.setProperty("tone", "muted" if waits else "danger")
        self._complaint.style().polish(self._complaint)
        self._complaint.setText(problem or failed)
        self._notice.setText(self._warning())
        ready = not problem and not starting.is_running
        self.start_button.setEnabled(ready)
        self.start_button.setText("Starting…" if starting.is_running else "Start training")
        self.estimate.set_measurable(not self._settings_problem() and source.dataset != _NO_FOLDER)

    def problem(self) -> str:
        """Why the training cannot be started, as a line; empty where it can."""
        estimate = self._training.estimated
        return (
            self._cases_problem()
            or self._settings_problem()
            or folder_problem(self._plan.folder)
            or (estimate.problem if estimate and estimate.problem else "")
        )

    def _cases_problem(self) -> str:
        training, dataset = self._training, self._plan.source.dataset
        if dataset is None:
            return ""
        if dataset == _NO_FOLDER:
            return "Choose the folder of your cases, or train on synthetic ones"
        if training.checking.is_running:
            return "The cases are being looked through…"
        check = training.checked
        if training.checking.failure or check is None:
            return "The cases could not be looked through" if training.checking.failure else "Check the cases first"
        if len(check.good) < _FEWEST_CASES:
            return f"Only {len(check.good)} of the cases can be trained on; it takes {_FEWEST_CASES} at least"
        if check.bad and not self._plan.source.leave_out_bad:
            some, them = (f"{len(check.bad)} cases", "them") if len(check.bad) > 1 else ("One case", "it")
            return f"{some} cannot be trained on: mend what the table says, or leave {them} out"
        return ""

    def _settings_problem(self) -> str:
        source = self._plan.source
        problem = self.recipe.problem or self.advanced.problem or settings_problem(self._plan.config)
        if problem:
            return problem
        if source.fold is not None:
            try:
                parse_fold(source.fold)
            except TrainingError as error:
                return str(error)
        model = next((model for model in self._models if model.name == source.init), None)
        differs = weights_problem(self._plan.config, model) if model else ""
        return f"It cannot start from “{source.init}”: {differs}" if differs else ""

    def _warning(self) -> str:
        alive = self._training.alive
        return f"“{alive[0].name}” is being trained already; two trainings slow each other down" if alive else ""

    def _reveal_advanced(self) -> None:
        """Bring the settings into view that have been unfolded, once they have got their room."""
        bar = self._area.verticalScrollBar()
        QTimer.singleShot(0, self, lambda: bar.setValue(self.advanced.y()))

    # What is done

    def _check(self) -> None:
        if self._dataset and self._plan.config.modalities:
            self._training.check(self._dataset, self._plan.config.modalities)

    def _measure(self) -> None:
        self._training.estimate(self._plan.config, self._dataset, self._plan.source.device)

    def accept(self) -> None:
        """Start the training if it can run; the dialog closes when it has begun."""
        if self.start_button.isEnabled() and not self.problem():
            self._training.forget_estimate()
            self.start_asked.emit(self._plan)

    def _close_started(self) -> None:
        super().accept()

    def reject(self) -> None:
        """Close, and stop what is only for the dialog."""
        self._training.forget_check()
        self._training.forget_estimate()
        super().reject()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder."""
        if _dropped_folder(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Train on the cases of the folder that was dropped."""
        folder = _dropped_folder(event)
        if folder:
            event.acceptProposedAction()
            self.choose_dataset(folder)


def _dropped_folder(event: QDropEvent) -> Path | None:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return paths[0] if paths and paths[0].is_dir() else None
