"""Which integer of a mask's file means which label: asked where neither its name nor a dataset.json says so."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QDialog, QDialogButtonBox, QRadioButton, QVBoxLayout, QWidget

from brats_viewer.controls import Line
from brats_viewer.names import LABEL_NAMES
from engine.data import CONVENTIONS, Label, LabelConvention

_WIDTH = 560


class ConventionDialog(QDialog):
    """Lets a person pick a label convention, or leave the file out where `without` says how that is called."""

    chosen = Signal(object)
    """A `LabelConvention`."""
    left_out = Signal()
    """The case is to be opened without the file."""

    def __init__(self, line: str, parent: QWidget | None = None, *, without: str = "") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What do the labels mean?")
        self._choices = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(Line(line, least_width=_WIDTH))
        layout.addWidget(
            Line(
                "The numbers in a mask's file mean different tissues in different years:",
                "muted",
                least_width=_WIDTH,
            )
        )
        for convention in CONVENTIONS.values():
            choice = QRadioButton(f"{convention.title}:  {values_line(convention)}")
            choice.setObjectName(convention.name)
            self._choices.addButton(choice)
            layout.addWidget(choice)
        layout.addWidget(self._lay_out_buttons(without))

    def _lay_out_buttons(self, without: str) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        accept = buttons.button(QDialogButtonBox.StandardButton.Open)
        accept.setEnabled(False)
        self._choices.buttonClicked.connect(lambda _: accept.setEnabled(True))
        if without:
            leave_out = buttons.addButton(without, QDialogButtonBox.ButtonRole.ActionRole)
            leave_out.clicked.connect(self._leave_out)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons

    def accept(self) -> None:
        """Take the convention that is marked."""
        choice = self._choices.checkedButton()
        super().accept()
        if choice:
            self.chosen.emit(CONVENTIONS[choice.objectName()])

    def _leave_out(self) -> None:
        self.reject()
        self.left_out.emit()


def values_line(convention: LabelConvention) -> str:
    """What a convention's integers mean, in words.

    >>> values_line(CONVENTIONS["decathlon"])
    '1 = Oedema (ED), 2 = Necrotic core (NCR), 3 = Enhancing tumour (ET)'
    """
    return ", ".join(
        f"{value} = {LABEL_NAMES[label]}"
        for value, label in sorted(convention.values.items())
        if label is not Label.BACKGROUND
    )
