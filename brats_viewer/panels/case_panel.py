"""What is open: the case, its images to choose from, which file became which, and what to beware of."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

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
        self._warnings = Line(tone="warning")
        self.body.addWidget(self._warnings)
        self._unfold, self._folded = button("", "link"), QWidget()
        self._unfold.clicked.connect(self._toggle_files)
        self._files = QGridLayout()
        self._convention = Line(tone="muted")
        self._lay_out_files()
        self.body.addWidget(self._unfold)
        self.body.addWidget(self._folded)
        session.case_changed.connect(self._show_case)
        session.modality_changed.connect(self._show_modality)
        session.warnings_changed.connect(self._show_warnings)
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

    def _lay_out_files(self) -> None:
        self._files.setColumnStretch(1, 1)
        self._files.setVerticalSpacing(3)
        change = button("Change…", "link", "Correct which file is what")
        change.clicked.connect(self.assign_asked)
        layout = QVBoxLayout(self._folded)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(self._files)
        layout.addWidget(self._convention)
        layout.addWidget(change)

    def _toggle_files(self) -> None:
        self._show_folded(unfolded=self._folded.isHidden())

    def _show_folded(self, *, unfolded: bool) -> None:
        self._folded.setVisible(unfolded)
        self._unfold.setText("Hide files" if unfolded else "Show files")

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
            self._show_folded(unfolded=bool(case.files.missing or case.files.ambiguous))
        self._show_warnings()
        self._show_modality()

    def _show_warnings(self) -> None:
        self._warnings.setText("\n".join(self._session.warnings))

    def _show_modality(self) -> None:
        self._modalities[self._session.modality].setChecked(True)

    def _show_files(self, case: Case) -> None:
        while item := self._files.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        for row, (name, text, found) in enumerate(file_rows(case.files)):
            title, value = QLabel(name), Elided(text, Qt.TextElideMode.ElideMiddle)
            title.setProperty("tone", "muted")
            value.setProperty("tone", "" if found else "muted")
            self._files.addWidget(title, row, 0)
            self._files.addWidget(value, row, 1)
        convention = case.files.convention if case.truth else None
        self._convention.setText(f"Labels as in {convention.title}" if convention else "")
        self._convention.setToolTip(case.files.convention_reason)


def grid_line(grid: Grid) -> str:
    """Size, spacing and axes of a grid in words.

    >>> import numpy as np
    >>> grid_line(Grid((240, 240, 155), np.diag([-1.0, -1.0, 1.5, 1.0])))
    '240×240×155 voxels, 1×1×1.5 mm, LPS'
    """
    size = "×".join(map(str, grid.shape))
    spacing = "×".join(f"{round(length, 2):g}" for length in grid.spacing_mm)
    return f"{size} voxels, {spacing} mm, {grid.axis_codes}"


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
