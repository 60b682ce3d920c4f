"""What there is to say about the open case, gathered from the session."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from brats_viewer.display import DIFFERENCE_COLOURS, LABEL_COLOURS, Layer
from brats_viewer.names import LABEL_NAMES, duration, volume
from brats_viewer.remote import TTA_TITLES
from brats_viewer.report.chart import CHART_HEIGHT_PX, dice_chart
from brats_viewer.report.pictures import (
    GAP_PX,
    PAGE_PX,
    Shown,
    Slice,
    SlicePainter,
    key_slices,
    most_wrong_slice,
)
from brats_viewer.report.report import Panel, Report, Table
from brats_viewer.report.sources import comparison_record, label_source
from brats_viewer.session import Overlay, Session
from engine import __version__
from engine.data import Case, Label, Modality, Region
from engine.progress import Progress, Work
from engine.score import Comparison, LesionKind, average
from engine.score.export import ComparisonRecord, LabelSource

_HASH_DIGITS = 12
_MOST_REMARKS = 8
_LONGEST = 240
_GAPS = "A slice that is empty in both label maps has no Dice."
_HEADINGS = (
    "",
    "Dice",
    "HD95\nmm",
    "Sensitivity",
    "Specificity",
    "Candidate\nml",
    "Reference\nml",
    "Lesion-wise\nDice",
    "Lesion-wise\nHD95, mm",
    "Found, missed,\nfalse lesions",
)
_MEASURES = {"dice": 3, "hd95_mm": 1, "sensitivity": 3, "specificity": 4}
"""With the digits after the point that mean something."""
_NOTE = (
    "Dice, sensitivity and specificity count voxels. HD95: 95th percentile of the distances between the voxels of the "
    "two surfaces, the larger of both directions. Where a region is empty in both label maps, Dice is 1 and HD95 0; "
    "where in one, Dice is 0 and HD95 373.13 mm. Lesion-wise: mean over the lesions by the rules of BraTS 2023, in "
    "which one that is missed or falsely found has Dice 0 and HD95 374 mm."
)


def make_report(session: Session) -> Work[Report]:
    """The page about the open case: of the comparison if there is one, else of the label map that is shown.

    What it says is taken from the session at this call. The pictures take longer: the work paints them, in any thread.
    """
    case = session.case
    if case is None:
        raise RuntimeError("there is no case to report on")
    record = comparison_record(session)
    overlay = session.overlay if session.reading(session.overlay) else None
    judged, by = session.pair if record and session.pair else (overlay, None)
    shown = Shown(
        case,
        judged=session.reading(judged) if judged else None,
        by=session.reading(by) if by else None,
        plane=session.plane,
        modality=session.modality,
        windows=dict(session.windows),
        display=session.display,
    )
    words = partial(
        Report,
        case_id=case.id,
        created=datetime.now().astimezone(),
        version=__version__,
        facts=_facts(session, case, judged, by),
        table=_scores(record) if record else _volumes(session, judged),
        remarks=_remarks(session, judged, by),
    )
    return _illustrated(words, shown, record.comparison if record else None)


def _illustrated(words: "partial[Report]", shown: Shown, comparison: Comparison | None) -> Work[Report]:
    """The report with these words, and its pictures."""
    yield Progress(0, 2, "painting slices")
    painter = SlicePainter(shown)
    slices = _slices(shown, painter)
    yield Progress(1, 2, "painting slices")
    return words(slices=slices, agreement=_agreement(shown, painter, comparison) if comparison else None)


def _facts(session: Session, case: Case, judged: str | None, by: str | None) -> list[tuple[str, str]]:
    shape, spacing = case.native.shape, case.native.spacing_mm
    missing = [modality.display_name for modality in Modality if modality not in case.images]
    images = ", ".join(modality.display_name for modality in case.images)
    facts = [
        ("Images", f"{images} (without {', '.join(missing)})" if missing else images),
        ("Grid", f"{_by(shape, 'd')} voxels of {_by(spacing, '.2f')} mm, axes {case.native.axis_codes}"),
    ]
    if judged:
        source = label_source(session, judged)
        facts.append(("Candidate" if by else "Label map", _source_line(source)))
        if source.model:
            facts += _model_facts(session, source)
    uncertainty = session.prediction.uncertainty if session.prediction else None
    if judged == Overlay.PREDICTION and uncertainty:
        expected = ", ".join(f"{region} {_number(dice, 2)}" for region, dice in uncertainty.confidence.items())
        facts.append(("Expected Dice", f"{expected} if the network's probabilities were right"))
    if by:
        facts.append(("Reference", _source_line(label_source(session, by))))
    return facts


def _source_line(source: LabelSource) -> str:
    if source.file and source.file.name != source.title:
        return f"{source.title}: {_short(source.file.name)}"
    return _short(source.title)


def _model_facts(session: Session, source: LabelSource) -> list[tuple[str, str]]:
    model = next((known.title for known in session.models if known.name == source.model), source.model)
    device = next((known.title for known in session.devices if known.name == source.device), source.device)
    time = f", {duration(source.seconds)}" if source.seconds is not None else ""
    passes = TTA_TITLES.get(source.tta, source.tta).lower()
    return [
        ("Model", f"{_short(model)}, weights {source.model_sha256[:_HASH_DIGITS]}"),
        ("Computed", f"on {_short(device)}{time}; test-time augmentation: {passes}"),
    ]


def _slices(shown: Shown, painter: SlicePainter) -> Panel:
    """The slices in which most is marked."""
    document = painter.document
    readings = [reading for reading in (shown.judged, shown.by) if reading]
    maps = [labels for reading in readings if (labels := document.labels_of(reading.key)) is not None]
    image = document.image()
    if image is None:
        raise RuntimeError("there is no case to report on")
    marked: NDArray[np.bool_] = np.any([labels > 0 for labels in maps], axis=0) if maps else np.zeros(image.shape, bool)
    layer = Layer.OUTLINED if shown.by else Layer.LABELS
    slices = [
        Slice(plane, number, layer, f"{plane.display_name}, slice {number + 1} of {image.shape[plane.normal]}")
        for plane, number in key_slices(marked).items()
    ]
    present = {label for reading in readings for label, ml in document.volumes_ml(reading.key).items() if ml}
    colours = LABEL_COLOURS[shown.display.palette]
    legend = [(LABEL_NAMES[label], colours[label]) for label in Label if label in present]
    return Panel("Slices", painter.row(slices), legend, _reading(shown))


def _reading(shown: Shown) -> str:
    """How the slices are to be read."""
    which = "where most is marked" if shown.judged else "in the middle"
    titles = [_short(reading.title) for reading in (shown.judged, shown.by) if reading]
    drawn = f" Filled: {titles[0]}; outlined: {titles[1]}." if len(titles) == 2 else ""
    side = "right" if shown.display.radiological else "left"
    where = f"The patient's {side} is at the left of axial and coronal pictures."
    return f"{shown.modality.display_name} {which}.{drawn} {where}"


def _agreement(shown: Shown, painter: SlicePainter, comparison: Comparison) -> Panel:
    """Where the two label maps differ: the slice with most errors, if there are any, and the Dice of all."""
    plane, region, palette = shown.plane, shown.display.region, shown.display.palette
    slices = comparison.slices[plane.normal]
    number, colours = most_wrong_slice(slices[region]), DIFFERENCE_COLOURS[palette]
    if number is None:
        return Panel("Agreement", [dice_chart(slices, plane, palette, PAGE_PX)], [], _GAPS)
    caption = f"{plane.display_name} {number + 1}: {region} Dice {slices[region].dice[number]:.2f}"
    errors = painter.picture(Slice(plane, number, Layer.DIFFERENCE, caption), CHART_HEIGHT_PX)
    chart = dice_chart(slices, plane, palette, PAGE_PX - GAP_PX - errors.width_px)
    legend = [
        (f"{region} in both", colours.found),
        (f"{region} in the candidate only", colours.false),
        (f"{region} in the reference only", colours.missed),
    ]
    note = (
        f"Left: the {plane} slice with most voxels that only one of the label maps counts as {region.display_name}. "
        f"{_GAPS}"
    )
    return Panel("Agreement", [errors, chart], legend, note)


# The table


def _scores(record: ComparisonRecord) -> Table:
    comparison = record.comparison
    rows = []
    for region, score in comparison.scores.items():
        lesions = comparison.lesions[region]
        counts = [lesions.count(kind) for kind in (LesionKind.MATCHED, LesionKind.MISSED, LesionKind.FALSE_POSITIVE)]
        rows.append(
            (
                f"{region.display_name.capitalize()} ({region})",
                *(_number(getattr(score, measure), digits) for measure, digits in _MEASURES.items()),
                f"{score.prediction_ml:.1f}",
                f"{score.truth_ml:.1f}",
                f"{lesions.dice:.3f}",
                f"{lesions.hd95_mm:.1f}",
                ", ".join(map(str, counts)),
            )
        )
    means = [_number(average(comparison.scores, measure), digits) for measure, digits in _MEASURES.items()]
    of_lesions = comparison.lesions.values()
    dice, hd95_mm = (np.mean([getattr(each, measure) for each in of_lesions]) for measure in ("dice", "hd95_mm"))
    rows.append(("Average", *means, "", "", f"{dice:.3f}", f"{hd95_mm:.1f}", ""))
    title = f"{_short(record.prediction.title)} compared with {_short(record.truth.title)}"
    return Table(title, _HEADINGS, rows, _NOTE)


def _volumes(session: Session, judged: str | None) -> Table:
    """Of one label map: its regions, and the labels that are no region of their own."""
    reading = session.reading(judged) if judged else None
    if judged is None or reading is None:
        return Table("No label map", (), (), "The case has no label map.")
    by_label = session.volumes_ml(judged)
    rows = [
        (f"{region.display_name.capitalize()} ({region})", volume(sum(by_label[label] for label in region.labels)))
        for region in Region
    ]
    others = [label for label, millilitres in by_label.items() if millilitres and label is not Label.ET]
    rows += [(LABEL_NAMES[label], volume(by_label[label])) for label in others]
    return Table(f"Volumes: {_short(reading.title)}", ("", "Volume"), rows, "No label maps were compared.")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


# Words


def _remarks(session: Session, judged: str | None, by: str | None) -> list[str]:
    """Warnings about the case and notes on the prediction if it is shown, each once, as many as have room."""
    notes = session.prediction.notes if session.prediction and Overlay.PREDICTION in (judged, by) else ()
    unfinished = ("The comparison was not finished when this page was made.",) if session.scoring.is_running else ()
    lines = list(dict.fromkeys((*session.warnings, *notes, *unfinished)))
    kept = [_short(line) for line in lines[:_MOST_REMARKS]]
    return [*kept, f"and {len(lines) - _MOST_REMARKS} more"] if len(lines) > _MOST_REMARKS else kept


def _short(words: str) -> str:
    """Words from a file, with their middle left out where they are very long.

    >>> len(_short("x" * 1000))
    240
    """
    half = (_LONGEST - 1) // 2
    return words if len(words) <= _LONGEST else f"{words[: half + 1]}…{words[-half:]}"


def _by(numbers: Sequence[float], form: str) -> str:
    return " × ".join(format(number, form) for number in numbers)
