"""All further settings of a training, folded away until somebody wants them."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from brats_viewer.controls import Line
from brats_viewer.dialogs.train_fields import SettingField
from brats_viewer.theme import icon
from brats_viewer.training_plan import SETTING_GROUPS, TrainingPlan
from engine.runs.presets import settings_of

_COLUMNS = 2


class AdvancedSettings(QWidget):
    """The settings under their headings, in two columns, which a button folds open."""

    edited = Signal(str, object)
    """A setting's name and its new value."""
    problem_changed = Signal()
    unfolded = Signal()
    """They can be seen now."""

    def __init__(self) -> None:
        super().__init__()
        self._fold = QToolButton()
        self._fold.setText("Advanced settings")
        self._fold.setCheckable(True)
        self._fold.setToolTip("Every setting that the preset has chosen")
        self._fold.setToolButtonStyle(self._fold.toolButtonStyle().ToolButtonTextBesideIcon)
        self._fold.toggled.connect(self._show_folded)
        self._changed = Line(tone="muted")
        self._fields = {setting.name: SettingField(setting) for group in SETTING_GROUPS.values() for setting in group}
        self._content = QWidget()
        self._lay_out_groups()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._fold)
        layout.addWidget(self._changed)
        layout.addWidget(self._content)
        for field in self._fields.values():
            field.edited.connect(self.edited)
            field.problem_changed.connect(self.problem_changed)
        self._show_folded(False)

    def _lay_out_groups(self) -> None:
        grid = QGridLayout(self._content)
        grid.setContentsMargins(14, 4, 14, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        line = 0
        for title, settings in SETTING_GROUPS.items():
            heading = QLabel(title)
            heading.setObjectName("card-title")
            grid.setRowMinimumHeight(line, 12)
            grid.addWidget(heading, line + 1, 0, 1, 2 * _COLUMNS)
            line += 2
            for number, setting in enumerate(settings):
                row, column = line + number // _COLUMNS, number % _COLUMNS * 2
                grid.addWidget(self._fields[setting.name].label(), row, column)
                grid.addWidget(self._fields[setting.name], row, column + 1)
            line += -(-len(settings) // _COLUMNS)

    @property
    def problem(self) -> str:
        """Why something that is typed cannot be read, as a line; empty where all can."""
        return next((field.problem for field in self._fields.values() if field.problem), "")

    def show_plan(self, plan: TrainingPlan) -> None:
        """Show what is set, and which of it is not the preset's."""
        for field in self._fields.values():
            field.show_value(plan.config)
        preset = settings_of(plan.preset, plan.source.init)
        changed = [
            setting.title
            for group in SETTING_GROUPS.values()
            for setting in group
            if getattr(plan.config, setting.name) != getattr(preset, setting.name)
        ]
        self._changed.setText(f"Changed from the preset: {', '.join(changed)}" if changed else "")

    def unfold(self) -> None:
        """Show the settings."""
        self._fold.setChecked(True)

    def _show_folded(self, unfolded: bool) -> None:
        self._fold.setIcon(icon("chevron-down" if unfolded else "chevron-right"))
        self._content.setVisible(unfolded)
        if unfolded:
            self.unfolded.emit()
