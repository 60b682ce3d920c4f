"""The fields of the training dialog: each shows a setting, says what it means, and keeps what cannot be read."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from brats_viewer.controls import Picker
from brats_viewer.training_plan import Setting
from engine.runs.settings import TrainConfig

FIELD_PX = 150


class SettingField(QWidget):
    """One setting: typed, picked or ticked, as it is a number, a choice or either way, with its unit beside it."""

    edited = Signal(str, object)
    """The setting's name and its new value."""
    problem_changed = Signal()

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._setting = setting
        self.problem = ""
        self._shown: TrainConfig | None = None
        self._control: QCheckBox | Picker | QLineEdit
        if isinstance(getattr(TrainConfig(), setting.name), bool):
            self._control = QCheckBox()
            self._control.clicked.connect(self._tell_tick)
        elif setting.choices:
            self._control = Picker()
            self._control.offer([(word, name) for name, word in setting.choices.items()])
            self._control.activated.connect(self._tell_choice)
        else:
            self._control = QLineEdit()
            self._control.textEdited.connect(self._tell_text)
        tip = f"{setting.meaning} ({setting.unit})" if setting.unit else setting.meaning
        self._control.setToolTip(tip)
        self._control.setAccessibleName(setting.title)
        self._control.setAccessibleDescription(tip)
        self._control.setObjectName(setting.name)
        self._control.setMinimumWidth(FIELD_PX)
        unit = QLabel(setting.unit)
        unit.setProperty("tone", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        picked = isinstance(self._control, Picker)
        row.addWidget(self._control, 1 if picked else 0)
        row.addWidget(unit)
        if not picked:
            row.addStretch(1)
        self.setFocusProxy(self._control)

    def label(self) -> QLabel:
        """A label that leads to the field."""
        label = QLabel(self._setting.title)
        label.setBuddy(self._control)
        label.setToolTip(self._control.toolTip())
        return label

    def show_value(self, config: TrainConfig) -> None:
        """Show the setting as it is, unless what is typed means the same."""
        value = getattr(config, self._setting.name)
        if self._shown is not None and value == getattr(self._shown, self._setting.name):
            return
        self._shown = config
        if isinstance(self._control, QCheckBox):
            self._control.setChecked(bool(value))
        elif isinstance(self._control, Picker):
            self._control.setCurrentIndex(self._control.findData(value))
        elif self._typed() != value or self.problem:
            self._control.setText(self._setting.to_text(config))
            self._set_problem("")

    def _typed(self) -> object:
        try:
            return self._setting.from_text(self._control.text()) if isinstance(self._control, QLineEdit) else None
        except ValueError:
            return None

    def _tell_text(self, text: str) -> None:
        try:
            value = self._setting.from_text(text)
        except ValueError as error:
            self._set_problem(str(error))
        else:
            self._set_problem("")
            self.edited.emit(self._setting.name, value)

    def _tell_choice(self) -> None:
        if isinstance(self._control, Picker):
            self.edited.emit(self._setting.name, self._control.currentData())

    def _tell_tick(self, ticked: bool) -> None:
        self.edited.emit(self._setting.name, ticked)

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self.setProperty("wrong", bool(problem))
            self._control.setProperty("wrong", bool(problem))
            self._control.style().polish(self._control)
            self.problem_changed.emit()


class Ticks(QWidget):
    """Some of a few, of which each is ticked or not."""

    ticked = Signal(object)
    """The names that are ticked now, in their order."""

    def __init__(self, title: str, choices: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self._boxes = {name: QCheckBox(word) for name, (word, _) in choices.items()}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        for name, box in self._boxes.items():
            box.setToolTip(choices[name][1])
            box.setAccessibleName(f"{title}: {box.text()}")
            box.setObjectName(name)
            box.clicked.connect(self._tell)
            row.addWidget(box)
        row.addStretch(1)

    def show_ticked(self, names: Sequence[str]) -> None:
        """Show which are ticked."""
        for name, box in self._boxes.items():
            box.setChecked(name in names)

    def _tell(self) -> None:
        self.ticked.emit(tuple(name for name, box in self._boxes.items() if box.isChecked()))


def form() -> QGridLayout:
    """Rows of a label and a field."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    grid.setColumnStretch(1, 1)
    grid.setColumnMinimumWidth(0, 120)
    return grid


def add_row(grid: QGridLayout, title: str, field: QWidget, tip: str) -> QLabel:
    """Add a field with a label that leads to it; the tip is both's."""
    label = QLabel(title)
    label.setToolTip(tip)
    target = field.focusProxy() or field
    label.setBuddy(target)
    if not field.toolTip():
        field.setToolTip(tip)
    if not target.accessibleName():
        target.setAccessibleName(title)
    if not target.accessibleDescription():
        target.setAccessibleDescription(tip)
    row = grid.rowCount()
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignVCenter)
    grid.addWidget(field, row, 1)
    return label
