"""Where the label maps of the open case are from, and the record of how two of them compare."""

import hashlib
import logging
from pathlib import Path

from brats_viewer.session import Overlay, Session
from engine.data import Segmentation
from engine.data.mark import read_provenance
from engine.score.export import ComparisonRecord, LabelSource

_log = logging.getLogger(__name__)


def comparison_record(session: Session) -> ComparisonRecord | None:
    """The present comparison with what was compared; None while there is none."""
    case, pair, comparison, orientation = session.case, session.pair, session.comparison, session.orientation
    if case is None or pair is None or comparison is None or orientation is None:
        return None
    judged, by = (label_source(session, key) for key in pair)
    return ComparisonRecord(case.id, case.files.folder, judged, by, orientation.canonical, comparison)


def label_source(session: Session, key: str) -> LabelSource:
    """Where the label map of that key is from."""
    reading = session.reading(key)
    if reading is None or session.case is None:
        raise KeyError(key)
    if key == Overlay.PREDICTION and session.prediction:
        saved = None if session.has_unsaved_prediction else session.saved_path
        return _made(reading.title, saved, session.prediction)
    if key == Overlay.TRUTH:
        return LabelSource(reading.title, session.case.files.truth)
    return _read(reading.title, Path(key)) if Path(key).is_file() else LabelSource(reading.title)


def _made(title: str, file: Path | None, made: Segmentation) -> LabelSource:
    return LabelSource(title, file, made.model, made.model_sha256, made.device, made.tta, made.seconds)


def _read(title: str, file: Path) -> LabelSource:
    """A mask's file, and what made it if the provenance beside it is of this very content."""
    record = read_provenance(file)
    try:
        if record is None or record["mask"]["sha256"] != _sha256(file):
            return LabelSource(title, file)
        model, device, tta = record["model"], str(record["device"]), str(record["tta"])
        return LabelSource(title, file, str(model["name"]), str(model["sha256"]), device, tta, float(record["seconds"]))
    except (KeyError, TypeError, ValueError):
        return LabelSource(title, file)  # a damaged record says nothing
    except OSError as error:
        _log.warning("it is not told what made a mask: %s", error)
        return LabelSource(title, file)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
