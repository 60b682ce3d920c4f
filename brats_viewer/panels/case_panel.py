"""What is open: the case, its images to choose from, which file became which, and what to beware of."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from brats_viewer.controls import Card, Elided, Line, button
from brats_viewer.session import Session
from engine.data import Case, CaseFiles, Grid, ImageSource, Modality


class CasePanel(Card):
    """The card of the open case."""

    assign_asked = Signal()
    """The person wants to correct which file is what."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Case", parent)
        self._session = session
        self._name, self._grid = Elided(), Line(tone="muted")
        self._name.setProperty("strong", True)
        self.body.addWidget(self._name)
        self.body.addWidget(self._grid)
        self._modalities = {modality: _modality_button(modality) for modality in Modality}
        self.body.addLayout(self._lay_out_modalities())
        self._files = QGridLayout()
        self._files.setColumnStretch(1, 1)
        self._files.setVerticalSpacing(3)
        self._truth_reason = Line(tone="muted")
        self._assign = button("Change…", "link", "Correct which file is what")
        self._assign.clicked.connect(self.assign_asked)
        self._warnings = Line(tone="warning")
        self.body.addLayout(self._files)
        for widget in (self._truth_reason, self._assign, self._warnings):
            self.body.addWidget(widget)
        session.case_changed.connect(self._show_case)
        session.modality_changed.connect(self._show_modality)
        self._show_case()

    def _lay_out_modalities(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        group = QButtonGroup(self)
        for modality, choice in self._modalities.items():
            group.addButton(choice)
            choice.setObjectName(modality)
            choice.clicked.connect(self._choose_modality)
            row.addWidget(choice)
        return row

    def _choose_modality(self) -> None:
        self._session.set_modality(Modality(self.sender().objectName()))

    def _show_case(self) -> None:
        case = self._session.case
        for modality, choice in self._modalities.items():
            here = case is not None and modality in case.images
            choice.setEnabled(here)
            state = (
                f"Show {modality.display_name} ({choice.property('key')})" if here else "This case has no such image"
            )
            choice.setToolTip(state)
        if case:
            self._name.setText(case.id)
            self._grid.setText(grid_line(case.native))
            self._show_files(case)
            self._warnings.setText("\n".join(case.warnings))
        self._show_modality()

    def _show_modality(self) -> None:
        self._modalities[self._session.modality].setChecked(True)

    def _show_files(self, case: Case) -> None:
        while item := self._files.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        for row, (name, text, found) in enumerate(file_rows(case.files)):
            title, value = QLabel(name), Elided(text)
            title.setProperty("tone", "muted")
            value.setProperty("tone", "" if found else "muted")
            self._files.addWidget(title, row, 0)
            self._files.addWidget(value, row, 1)
        self._truth_reason.setText(f"Labels: {case.files.convention_reason}" if case.truth else "")


def grid_line(grid: Grid) -> str:
    """Size, spacing and axes of a grid in words.

    >>> import numpy as np
    >>> grid_line(Grid((240, 240, 155), np.diag([-1.0, -1.0, 1.5, 1.0])))
    '240 × 240 × 155 voxels of 1 × 1 × 1.5 mm, axes LPS'
    """
    size = " × ".join(map(str, grid.shape))
    spacing = " × ".join(f"{round(length, 2):g}" for length in grid.spacing_mm)
    return f"{size} voxels of {spacing} mm, axes {grid.axis_codes}"


def file_rows(files: CaseFiles) -> list[tuple[str, str, bool]]:
    """For each modality and the truth: its name, the file's name or why there is none, and whether there is one."""
    rows = [(str(m.display_name), _where(files, str(m), files.images.get(m)), m in files.images) for m in Modality]
    truth = ImageSource(files.truth) if files.truth else None
    rows.append(("Truth", _where(files, "truth", truth), truth is not None))
    return rows


def _where(files: CaseFiles, slot: str, source: ImageSource | None) -> str:
    if source:
        volume = "" if source.volume is None else f", volume {source.volume}"
        return f"{source.path.name}{volume}"
    candidates = files.ambiguous.get(slot, ())
    return f"not decided between {len(candidates)} files" if candidates else "missing" if slot != "truth" else "none"


def _modality_button(modality: Modality) -> QPushButton:
    made = button(modality.display_name)
    made.setCheckable(True)
    made.setProperty("key", str(list(Modality).index(modality) + 1))
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(44)
    return made
