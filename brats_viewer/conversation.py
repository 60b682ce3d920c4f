"""What passes between a person and the session: what to open, what a file is, what to write, and where.

The session says what it needs; here the right dialog asks for it and hands the answer back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from brats_viewer.dialogs.assign_dialog import AssignDialog, needs_a_person
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.dialogs.questions import ask_overwrite, ask_resample, ask_unsaved
from brats_viewer.report import comparison_record, encode_png, make_report, to_html, write_pdf
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import CONVENTIONS, CaseFiles, Label, LabelConvention, output_convention
from engine.data.atomic import write_atomically
from engine.data.mark import prediction_convention
from engine.errors import EngineError, LabelConventionError

_IMAGES = "Images (*.nii *.nii.gz);;All files (*)"
_MASKS = "Masks (*.nii *.nii.gz);;All files (*)"
_MASK_ENDINGS = (".nii.gz", ".nii")
_REPORTS = {".pdf": "PDF (*.pdf)", ".html": "Web page (*.html)"}
_SCORES = {".csv": "Table (*.csv)", ".json": "Full record (*.json)"}
_PICTURES = {".png": "Picture (*.png)"}


class Conversation(QObject):
    """Opens, segments, saves and exports on a person's behalf, and asks where only the person can decide."""

    exported = Signal(object)
    """The path of what has been written."""
    failed = Signal(str)
    """Why something could not be read or written, as a line."""

    def __init__(self, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._settings, self._window = session, settings, window
        self._after_saving: Callable[[], None] | None = None
        self._labels_path: Path | None = None
        session.files_found.connect(self.consider)
        session.decision_needed.connect(self._ask_decision)
        session.prediction_changed.connect(self._go_on)
        session.saving.changed.connect(self._stay)
        session.reading_in.changed.connect(self._end_reading)

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

    def consider(self, files: CaseFiles) -> None:
        """Open a case whose files are found; what only the person can say about them is asked."""
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

        dialog = ConventionDialog(line, self._window, without="Open without truth")
        dialog.chosen.connect(chosen)
        dialog.left_out.connect(lambda: self._session.load(files, truth=False))
        dialog.open()

    def open_labels(self) -> None:
        """Let the person pick another label map of the open case, and lay it over the images."""
        if self._session.case is None:
            return
        start = str(self._settings.last_folder)
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a label map of this case", start, _MASKS)
        if name:
            self._settings.last_folder = Path(name).parent
            self._read_labels(Path(name))

    def _read_labels(self, path: Path, convention: LabelConvention | None = None) -> None:
        self._session.open_labels(path, convention)
        self._labels_path = path

    def _end_reading(self) -> None:
        """Ask what the labels mean if that is why they could not be read; tell any other reason."""
        lane = self._session.reading_in
        if lane.is_running:
            return
        path, self._labels_path = self._labels_path, None
        if path and lane.failure and isinstance(lane.failure.error, LabelConventionError):
            dialog = ConventionDialog(lane.failure.line, self._window)
            dialog.chosen.connect(lambda convention: self._read_labels(path, convention))
            dialog.open()
        elif lane.failure:
            self.failed.emit(lane.failure.line)

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
        """Save the mask where and with what integers it was saved before; ask, the first time."""
        known = self._session.saved_path
        if known:
            self._session.save(known, prediction_convention(known))
        else:
            self.save_as()

    def save_as(self) -> None:
        """Let the person choose where to save the mask, and as integers of which label convention."""
        case = self._session.case
        if case is None or self._session.prediction is None:
            return
        known = self._session.saved_path
        suggested = known or case.files.folder / f"{case.id}_prediction.nii.gz"
        usual = prediction_convention(known) if known else None
        kinds = mask_filters(usual or output_convention(case.files))
        name, kind = QFileDialog.getSaveFileName(self._window, "Save the mask", str(suggested), ";;".join(kinds))
        if not name:
            self._stop_waiting()
            return
        convention = kinds.get(kind, next(iter(kinds.values())))
        path = with_ending(name, _MASK_ENDINGS)
        self._unless_replaced(name, path, lambda path: self._session.save(path, convention))

    def _unless_replaced(self, name: str, path: Path, write: Callable[[Path], None]) -> None:
        """Write to `path`; where it got another name than the person gave, and exists, ask before."""
        if str(path) != name and path.exists():
            question = ask_overwrite(self._window, path.name, overwrite=lambda: write(path))
            question.rejected.connect(self._stop_waiting)
        else:
            write(path)

    def _go_on(self) -> None:
        """Do what waited for the mask to be saved."""
        if self._after_saving and not self._session.has_unsaved_prediction:
            then, self._after_saving = self._after_saving, None
            then()

    def _stay(self) -> None:
        """Forget what waited if the mask could not be saved."""
        if self._session.saving.failure:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._after_saving = None

    # Exporting

    def export_report(self) -> None:
        """Write one page about the open case, as PDF or HTML, where the person wants it."""

        def write(path: Path) -> None:
            report = make_report(self._session)
            if path.suffix == ".html":
                write_atomically({path: to_html(report).encode()})
            else:
                write_pdf(report, path)

        self._export("Export the report", "report", _REPORTS, write)

    def export_scores(self) -> None:
        """Write how the two label maps compare, as a table or a full record, where the person wants it."""
        record = comparison_record(self._session)

        def write(path: Path) -> None:
            if record:
                text = record.to_json() if path.suffix == ".json" else record.to_csv()
                write_atomically({path: text.encode()})

        if record:
            self._export("Export the scores", "scores", _SCORES, write)

    def export_view(self, view: QWidget) -> None:
        """Write what `view` shows now as a picture with all its pixels, where the person wants it."""
        content = encode_png(view.grab().toImage())
        self._export("Export the view", "view", _PICTURES, lambda path: write_atomically({path: content}))

    def _export(self, title: str, what: str, kinds: Mapping[str, str], write: Callable[[Path], None]) -> None:
        """Ask where to write a file of one of `kinds` (ending to filter), and write it there."""
        case = self._session.case
        if case is None:
            return
        suggested = self._settings.last_folder / f"{case.id}_{what}"
        name, chosen = QFileDialog.getSaveFileName(self._window, title, str(suggested), ";;".join(kinds.values()))
        if not name:
            return
        endings = sorted(kinds, key=lambda ending: kinds[ending] != chosen)
        self._settings.last_folder = Path(name).parent
        self._unless_replaced(name, with_ending(name, endings), lambda path: self._write(path, write))

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except EngineError as error:
            self.failed.emit(str(error))
        else:
            self.exported.emit(path)


def with_ending(name: str, endings: Sequence[str]) -> Path:
    """The path of that name; one without any of the `endings` gets the first.

    >>> with_ending("case_1.v2", (".nii.gz", ".nii")).name, with_ending("mask.nii", (".nii.gz", ".nii")).name
    ('case_1.v2.nii.gz', 'mask.nii')
    """
    return Path(name if name.endswith(tuple(endings)) else f"{name}{endings[0]}")


def mask_filters(first: LabelConvention) -> dict[str, LabelConvention]:
    """What a file dialog offers for a mask: each label convention, with the integers that it means.

    >>> next(iter(mask_filters(CONVENTIONS["brats2020"])))
    'Labels of BraTS 2017-2021: 1 NCR, 2 ED, 4 ET (*.nii.gz *.nii)'
    """
    others = (convention for convention in CONVENTIONS.values() if convention != first)
    return {f"Labels of {_meaning(convention)} (*.nii.gz *.nii)": convention for convention in (first, *others)}


def _meaning(convention: LabelConvention) -> str:
    pairs = sorted((value, label.name) for value, label in convention.values.items() if label is not Label.BACKGROUND)
    return f"{convention.title}: {', '.join(f'{value} {name}' for value, name in pairs)}"
