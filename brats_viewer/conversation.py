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
from brats_viewer.job import as_work
from brats_viewer.report import Report, comparison_record, encode_png, make_report, to_html, to_pdf
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import CONVENTIONS, Case, CaseFiles, Label, LabelConvention, Segmentation, output_convention
from engine.data.atomic import write_atomically
from engine.data.mark import prediction_convention
from engine.errors import EngineError, LabelConventionError
from engine.progress import Progress, Work

_IMAGES = "Images (*.nii *.nii.gz);;All files (*)"
_MASKS = "Masks (*.nii *.nii.gz);;All files (*)"
_MASK_ENDINGS = (".nii.gz", ".nii")
_REPORTS = {".pdf": "PDF (*.pdf)", ".html": "Web page (*.html)"}
_SCORES = {".csv": "Table (*.csv)", ".json": "Full record (*.json)"}
_PICTURES = {".png": "Picture (*.png)"}


class Conversation(QObject):
    """Opens, segments, saves and exports on a person's behalf, and asks where only the person can decide."""

    exported = Signal(object)
    """The path of what has been written, by the session's lane for that."""
    failed = Signal(str, str)
    """Why something could not be read or written, as a line, and the details for whoever is asked for help."""

    def __init__(self, session: Session, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._settings, self._window = session, settings, window
        self._written: Segmentation | None = None
        self._after_saving: tuple[Segmentation, Callable[[], None]] | None = None
        self._labels_asked: tuple[Path, Case] | None = None
        session.files_found.connect(self.consider)
        session.labels_found.connect(self.lay_over)
        session.decision_needed.connect(self._ask_decision)
        session.prediction_changed.connect(self._go_on)
        session.case_changed.connect(self._stop_waiting)
        session.saving.changed.connect(self._end_saving)
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
        case = self._session.case
        if case is None:
            return
        start = str(self._settings.last_folder)
        name, _ = QFileDialog.getOpenFileName(self._window, f"Open a label map of {case.id}", start, _MASKS)
        if name:
            self._settings.last_folder = Path(name).parent
            self._read_labels(Path(name), case)

    def lay_over(self, path: Path) -> None:
        """Lay a label map of the open case over its images."""
        if self._session.case:
            self._read_labels(path, self._session.case)

    def _read_labels(self, path: Path, case: Case, convention: LabelConvention | None = None) -> None:
        """Read labels of the case that they were chosen for, unless another one was opened meanwhile."""
        if self._session.case is case:
            self._session.open_labels(path, convention)
            self._labels_asked = path, case

    def _end_reading(self) -> None:
        """Ask what the labels mean if that is why they could not be read; tell any other reason."""
        lane = self._session.reading_in
        if lane.is_running:
            return
        asked, self._labels_asked = self._labels_asked, None
        if asked and lane.failure and isinstance(lane.failure.error, LabelConventionError):
            dialog = ConventionDialog(lane.failure.line, self._window)
            dialog.chosen.connect(lambda convention: self._read_labels(*asked, convention))
            dialog.open()
        elif lane.failure:
            self.failed.emit(lane.failure.line, f"{lane.failure.line}\n\n{lane.failure.details}")

    # Segmenting

    def segment(self) -> None:
        """Segment the open case; a mask that is not saved and would be replaced is asked about."""
        if self._session.can_segment:
            self.leave(self._session.segment)

    # Saving

    def leave(self, then: Callable[[], None]) -> None:
        """Do what would lose the mask, once it is saved or the person gives it up."""
        case, prediction = self._session.case, self._session.prediction
        if case is None or prediction is None or not self._session.has_unsaved_prediction:
            then()
            return

        def save() -> None:
            if self._session.prediction is prediction:
                self._after_saving = prediction, then
                self.save()
            else:
                self.leave(then)

        if self._session.saving.is_running and self._written is prediction:
            self._after_saving = prediction, then
        else:
            ask_unsaved(self._window, case.id, save=save, discard=then)

    def save(self) -> None:
        """Save the mask where and with what integers it was saved before; ask, the first time."""
        known = self._session.saved_path
        if known:
            self._write_mask(known, prediction_convention(known))
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

        def write(path: Path) -> None:
            if self._session.case is case:
                self._write_mask(path, convention)
            else:
                self.failed.emit(f"{path}: not saved, since {case.id} is not open any more", "")

        self._unless_replaced(name, with_ending(name, _MASK_ENDINGS), write)

    def _write_mask(self, path: Path, convention: LabelConvention | None) -> None:
        self._written = self._session.prediction
        self._session.save(path, convention)

    def _unless_replaced(self, name: str, path: Path, write: Callable[[Path], None]) -> None:
        """Write to `path`; where it got another name than the person gave, and exists, ask before."""
        if str(path) != name and path.exists():
            question = ask_overwrite(self._window, path.name, overwrite=lambda: write(path))
            question.rejected.connect(self._stop_waiting)
        else:
            write(path)

    def _go_on(self) -> None:
        """Do what waited for the mask to be saved; where there is another mask now, forget it."""
        if self._after_saving is None:
            return
        mask, then = self._after_saving
        if mask is not self._session.prediction:
            self._stop_waiting()
        elif not self._session.has_unsaved_prediction:
            self._stop_waiting()
            then()

    def _end_saving(self) -> None:
        """Forget what waited if its mask could not be saved."""
        lane = self._session.saving
        if lane.is_running:
            return
        written, self._written = self._written, None
        if lane.failure and self._after_saving and self._after_saving[0] is written:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._after_saving = None

    # Exporting

    def export_report(self) -> None:
        """Write one page about the open case, as PDF or HTML, where the person wants it."""
        case = self._session.case

        def write(path: Path) -> None:
            if case is None or self._session.case is not case:
                self.failed.emit(f"{path}: not written, since another case was opened meanwhile", "")
            else:
                self._write(path, _write_report(make_report(self._session), path))

        self._export("Export the report", "report", _REPORTS, write)

    def export_scores(self) -> None:
        """Write how the two label maps compare, as a table or a full record, where the person wants it."""
        record = comparison_record(self._session)

        def write(path: Path) -> None:
            if record:
                text = record.to_json() if path.suffix == ".json" else record.to_csv()
                self._write(path, as_work(_saving(path), write_atomically, {path: text.encode()}))

        if record:
            self._export("Export the scores", "scores", _SCORES, write)

    def export_view(self, view: QWidget) -> None:
        """Write what `view` shows now as a picture with all its pixels, where the person wants it."""
        image = view.grab().toImage()

        def write(path: Path) -> None:
            self._write(path, as_work(_saving(path), lambda: write_atomically({path: encode_png(image)})))

        self._export("Export the view", "view", _PICTURES, write)

    def _export(self, title: str, what: str, kinds: Mapping[str, str], write: Callable[[Path], None]) -> None:
        """Ask where to write a file of one of `kinds` (ending to filter), and write it there."""
        case = self._session.case
        if case is None or self._session.exporting.is_running:
            return
        suggested = self._settings.last_folder / f"{case.id}_{what}"
        name, chosen = QFileDialog.getSaveFileName(self._window, title, str(suggested), ";;".join(kinds.values()))
        if not name:
            return
        endings = sorted(kinds, key=lambda ending: kinds[ending] != chosen)
        self._settings.last_folder = Path(name).parent
        self._unless_replaced(name, with_ending(name, endings), write)

    def _write(self, path: Path, work: Work[None]) -> None:
        self._session.exporting.start(work, lambda _: self.exported.emit(path))


def _write_report(making: Work[Report], path: Path) -> Work[None]:
    report = yield from making
    yield Progress(0, 0, _saving(path))
    content = to_html(report).encode() if path.suffix == ".html" else to_pdf(report)
    write_atomically({path: content})


def _saving(path: Path) -> str:
    return f"saving {path.name}"


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
