"""Which of a folder's files is which image: asked where the names do not decide, or a person wants to correct it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from brats_viewer.controls import Line, Picker
from engine.data import CaseFiles, ImageSource, Modality, decide_convention

TRUTH = "truth"
NOBODY = "none of them"
_WIDTH = 520


class AssignDialog(QDialog):
    """One row for each modality and the truth, filled with what the names say."""

    assigned = Signal(object)
    """The corrected `CaseFiles`."""

    def __init__(self, files: CaseFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Which file is what?")
        self._files = files
        self._candidates = candidates(files)
        self._complaint = Line(tone="danger", least_width=_WIDTH)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._pickers = {slot: self._picker(slot) for slot in (*map(str, Modality), TRUTH)}
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(Line(f"{files.folder}", "muted", least_width=_WIDTH))
        layout.addWidget(Line(_reason(files), least_width=_WIDTH))
        layout.addLayout(self._lay_out_form())
        layout.addWidget(self._complaint)
        layout.addWidget(self._buttons)
        for picker in self._pickers.values():
            picker.currentIndexChanged.connect(self._check)
        self._check()

    def _lay_out_form(self) -> QGridLayout:
        form = QGridLayout()
        form.setColumnStretch(1, 1)
        for row, (slot, picker) in enumerate(self._pickers.items()):
            form.addWidget(QLabel("Truth" if slot == TRUTH else Modality(slot).display_name), row, 0)
            form.addWidget(picker, row, 1)
        return form

    def _picker(self, slot: str) -> Picker:
        picker = Picker()
        picker.setObjectName(slot)
        names = [(_name(source, self._files.folder), str(source)) for source in self._candidates]
        picker.offer([(NOBODY, ""), *names])
        truth = ImageSource(self._files.truth) if self._files.truth else None
        known = truth if slot == TRUTH else self._files.images.get(Modality(slot))
        picker.setCurrentIndex(self._candidates.index(known) + 1 if known else 0)
        return picker

    def _chosen(self) -> dict[str, ImageSource]:
        chosen = {slot: picker.currentIndex() - 1 for slot, picker in self._pickers.items()}
        return {slot: self._candidates[index] for slot, index in chosen.items() if index >= 0}

    def _check(self) -> None:
        chosen = self._chosen()
        self._complaint.setText(complaint(chosen))
        self._buttons.button(QDialogButtonBox.StandardButton.Open).setEnabled(not complaint(chosen))

    def accept(self) -> None:
        """Take what is chosen."""
        files = corrected(self._files, self._chosen())
        super().accept()
        self.assigned.emit(files)


def needs_a_person(files: CaseFiles) -> bool:
    """Whether the names leave something open that a person could settle."""
    return bool(files.ambiguous) or bool(files.missing and files.unused) or not files.images


def candidates(files: CaseFiles) -> list[ImageSource]:
    """Every image of the case, whatever the names take it for, each once."""
    sources = [*files.images.values()]
    sources += [ImageSource(files.truth)] if files.truth else []
    sources += [source for group in files.ambiguous.values() for source in group]
    sources += [ImageSource(path) for path in files.unused]
    return list(dict.fromkeys(sources))


def complaint(chosen: dict[str, ImageSource]) -> str:
    """Why a choice cannot be taken, as a line; empty if it can."""
    if set(chosen) <= {TRUTH}:
        return "Choose a file for at least one of the images"
    sources: Sequence[ImageSource] = list(chosen.values())
    twice = [source.path.name for source in sources if sources.count(source) > 1]
    return f"{twice[0]} is chosen twice" if twice else ""


def corrected(files: CaseFiles, chosen: dict[str, ImageSource]) -> CaseFiles:
    """The case's files as a person assigned them; a truth that is new is asked anew which labels it has."""
    images = {modality: chosen[str(modality)] for modality in Modality if str(modality) in chosen}
    truth = chosen[TRUTH].path if TRUTH in chosen else None
    convention, reason = files.convention, files.convention_reason
    if truth is not None and truth != files.truth:
        convention, reason = decide_convention(truth)
    left = [source.path for source in candidates(files) if source not in chosen.values()]
    used = {source.path for source in chosen.values()}
    return replace(
        files,
        images=images,
        truth=truth,
        missing=tuple(modality for modality in Modality if modality not in images),
        ambiguous={},
        unused=tuple(path for path in dict.fromkeys(left) if path not in used),
        convention=convention,
        convention_reason=reason,
    )


def _name(source: ImageSource, folder: Path) -> str:
    path = source.path.relative_to(folder) if source.path.is_relative_to(folder) else source.path
    return str(path) if source.volume is None else f"{path}, volume {source.volume}"


def _reason(files: CaseFiles) -> str:
    unclear = [Modality(slot).display_name if slot != TRUTH else "the truth" for slot in files.ambiguous]
    if unclear:
        return f"The names do not decide which file is {' and '.join(unclear)}. Please choose."
    if files.missing:
        return f"No file is named as {', '.join(m.display_name for m in files.missing)}. Is it among these?"
    return "Correct what the names were taken for."
