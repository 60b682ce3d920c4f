"""What passes between a person and the session: what to open, what a file is, what becomes of an unsaved mask.

The session says what it needs; here the right dialog asks for it and hands the answer back.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from brats_viewer.dialogs.assign_dialog import AssignDialog, needs_a_person
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.dialogs.questions import ask_overwrite, ask_resample, ask_unsaved
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import CaseFiles, LabelConvention
from engine.errors import EngineError, LabelConventionError

_IMAGES = "Images (*.nii *.nii.gz);;All files (*)"
_MASKS = "NIfTI masks (*.nii.gz *.nii)"


class Conversation(QObject):
    """Opens, segments and saves on a person's behalf, and asks where only the person can decide."""

    def __init__(self, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._settings, self._window = session, settings, window
        self._after_saving: Callable[[], None] | None = None
        session.files_found.connect(self._consider)
        session.decision_needed.connect(self._ask_decision)
        session.prediction_changed.connect(self._go_on)
        session.saving.changed.connect(self._stay)

    # Opening

    def choose_folder(self) -> None:
        """Let the person pick a case's folder, and open it."""
        folder = QFileDialog.getExistingDirectory(self._window, "Open a case's folder", str(self._settings.last_folder))
        if folder:
            self._settings.last_folder = Path(folder).parent
            self._session.open(Path(folder))

    def choose_file(self) -> None:
        """Let the person pick an image, and open the case that it belongs to."""
        start = str(self._settings.last_folder)
        name, _ = QFileDialog.getOpenFileName(self._window, "Open the case of an image", start, _IMAGES)
        if name:
            self._settings.last_folder = Path(name).parent
            self._session.open(Path(name))

    def reassign(self) -> None:
        """Let the person correct which of the open case's files is what."""
        if self._session.case:
            self._assign(self._session.case.files)

    def _consider(self, files: CaseFiles) -> None:
        if needs_a_person(files):
            self._assign(files)
        else:
            self._load(files)

    def _assign(self, files: CaseFiles) -> None:
        dialog = AssignDialog(files, self._window)
        dialog.assigned.connect(self._load)
        dialog.open()

    def _load(self, files: CaseFiles) -> None:
        self.leave(lambda: self._session.load(files))

    def _ask_decision(self, files: CaseFiles, error: EngineError) -> None:
        if isinstance(error, LabelConventionError):
            self._ask_convention(files, str(error))
        else:
            ask_resample(self._window, str(error), resample=lambda: self._session.load(files, resample=True))

    def _ask_convention(self, files: CaseFiles, line: str) -> None:
        def chosen(convention: LabelConvention) -> None:
            self._session.load(replace(files, convention=convention, convention_reason="chosen by hand"))

        dialog = ConventionDialog(line, self._window)
        dialog.chosen.connect(chosen)
        dialog.left_out.connect(lambda: self._session.load(files, truth=False))
        dialog.open()

    # Segmenting

    def segment(self) -> None:
        """Segment the open case; a mask that is not saved and would be replaced is asked about."""
        if self._session.can_segment:
            self.leave(self._session.segment)

    # Saving

    def leave(self, then: Callable[[], None]) -> None:
        """Do what would lose the mask, once it is saved or the person gives it up."""
        case = self._session.case
        if case is None or not self._session.has_unsaved_prediction:
            then()
            return

        def save() -> None:
            self._after_saving = then
            self.save()

        ask_unsaved(self._window, case.id, save=save, discard=then)

    def save(self) -> None:
        """Save the mask where it was saved before; ask where, the first time."""
        known = self._session.saved_path
        if known:
            self._session.save(known)
        else:
            self.save_as()

    def save_as(self) -> None:
        """Let the person choose where to save the mask."""
        case = self._session.case
        if case is None or self._session.prediction is None:
            return
        suggested = self._session.saved_path or case.files.folder / f"{case.id}_prediction.nii.gz"
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the mask", str(suggested), _MASKS)
        if not name:
            self._after_saving = None
            return
        path = mask_path(name)
        if str(path) != name and path.exists():
            ask_overwrite(self._window, path.name, overwrite=lambda: self._session.save(path))
        else:
            self._session.save(path)

    def _go_on(self) -> None:
        """Do what waited for the mask to be saved."""
        if self._after_saving and not self._session.has_unsaved_prediction:
            then, self._after_saving = self._after_saving, None
            then()

    def _stay(self) -> None:
        """Forget what waited if the mask could not be saved."""
        if self._session.saving.failure:
            self._after_saving = None


def mask_path(name: str) -> Path:
    """The path for a mask of that name; one that does not end as NIfTI does gets the ending.

    >>> mask_path("case_1.v2").name, mask_path("mask.nii").name
    ('case_1.v2.nii.gz', 'mask.nii')
    """
    return Path(name) if name.endswith((".nii", ".nii.gz")) else Path(f"{name}.nii.gz")
