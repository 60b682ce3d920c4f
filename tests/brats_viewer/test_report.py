"""The page about a case: what stands on it can be counted by hand, and it is one page that runs nothing."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.display import Plane
from brats_viewer.report import Report, make_report, to_html, to_pdf
from brats_viewer.report.pdf import SHEET_PX, _Page, paint_page
from brats_viewer.report.pictures import PAGE_PX, SCALE
from brats_viewer.report.sources import label_source
from brats_viewer.session import Overlay, Reading, Session
from engine import RESEARCH_USE, __version__
from engine.data import Case, CaseFiles, Label, LabelMap, Region, Segmentation
from engine.data.segmentation import Uncertainty
from engine.progress import finish
from engine.score.export import LabelSource
from tests.phantoms import phantom_case

SHAPE = (40, 48, 36)
EVIL = "<script>alert('1')</script><img src=x onerror=alert(2)>"


@pytest.fixture
def session(qapp: QApplication) -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


def cube(case: Case, first: int) -> LabelMap:
    """4 x 4 x 4 voxels of ET from voxel (`first`, 20, 10) of a case whose axes are R, A, S."""
    labels = np.zeros(case.native.shape, np.uint8)
    labels[first : first + 4, 20:24, 10:14] = Label.ET
    return LabelMap(labels, case.native)


def a_case(**changes: object) -> Case:
    case = phantom_case("RAS", shape=SHAPE)
    return replace(case, truth=cube(case, 10), **changes)  # type: ignore[arg-type]


def segmentation(case: Case, first: int = 11) -> Segmentation:
    notes = ("T2 was missing",)
    return Segmentation(cube(case, first), case.id, "unet", "0123456789ab" + "0" * 52, "cpu", "flips", 12.3, notes)


def made(session: Session) -> Report:
    return finish(make_report(session))


def compared(qtbot: QtBot, session: Session, case: Case) -> Report:
    session.set_case(case)
    session.set_prediction(segmentation(case))
    qtbot.waitUntil(lambda: session.comparison is not None)
    return made(session)


def image_of(png: bytes) -> QImage:
    image = QImage()
    assert image.loadFromData(png)
    return image


def counts(image: QImage) -> dict[str, int]:
    """How many pixels are mostly red, green or blue."""
    pixels = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB888).constBits(), np.uint8)
    pixels = pixels.reshape(image.height(), -1)[:, : 3 * image.width()].reshape(-1, 3).astype(int)
    names = ("red", "green", "blue")
    others = [np.delete(pixels, channel, axis=1).max(axis=1) for channel in range(3)]
    return {name: int((pixels[:, channel] > others[channel] + 48).sum()) for channel, name in enumerate(names)}


def test_the_facts_say_what_was_compared_and_what_made_it(qtbot: QtBot, session: Session) -> None:
    report = compared(qtbot, session, a_case())
    assert (report.case_id, report.version) == ("phantom", __version__)
    assert dict(report.facts) == {
        "Images": "T1, T1CE, T2, FLAIR",
        "Grid": "40 × 48 × 36 voxels of 1.00 × 1.00 × 1.00 mm, axes RAS",
        "Candidate": "Prediction",
        "Model": "unet, weights 0123456789ab",
        "Computed": "on cpu, 12 s; test-time augmentation: eight mirror images",
        "Reference": "Truth",
    }
    assert report.remarks == ["T2 was missing"]


def test_what_the_network_expects_of_itself_stands_by_its_prediction_only(qtbot: QtBot, session: Session) -> None:
    case = a_case()
    unsure = Uncertainty(np.zeros(case.native.shape, np.float16), {Region.ET: 0.914, Region.WT: None})
    session.set_case(case)
    session.set_prediction(replace(segmentation(case), uncertainty=unsure))
    qtbot.waitUntil(lambda: session.comparison is not None)
    report = made(session)
    assert dict(report.facts)["Expected Dice"] == "ET 0.91, WT – if the network's probabilities were right"
    session.add_reading(Reading("second", "Second reader", cube(case, 12)))
    session.set_pair("second", Overlay.TRUTH)
    qtbot.waitUntil(lambda: session.comparison is not None)
    report = made(session)
    assert "Expected Dice" not in dict(report.facts)
    assert report.remarks == []


def test_the_table_has_the_scores_of_the_pair(qtbot: QtBot, session: Session) -> None:
    """Two cubes of 64 voxels that share 48: Dice and sensitivity 0.75, 16 of 69056 healthy voxels falsely found."""
    table = compared(qtbot, session, a_case()).table
    assert table.title == "Prediction compared with Truth"
    scores = ("0.750", "1.0", "0.750", "0.9998", "0.1", "0.1", "0.750", "1.0", "1, 0, 0")
    assert table.rows[0] == ("Enhancing tumour (ET)", *scores)
    assert table.rows[3][:5] == ("Average", "0.750", "1.0", "0.750", "0.9998")


def test_the_pictures_show_the_slices_with_most_tumour_and_most_errors(qtbot: QtBot, session: Session) -> None:
    session.set_plane(Plane.SAGITTAL)
    report = compared(qtbot, session, a_case())
    captions = [picture.caption for picture in report.slices.pictures]
    assert captions == ["Axial, slice 11 of 36", "Coronal, slice 21 of 48", "Sagittal, slice 11 of 40"]
    assert report.slices.legend == [("Enhancing tumour (ET)", (250, 215, 50))]
    assert report.agreement is not None
    errors, chart = report.agreement.pictures
    assert errors.caption == "Sagittal 11: WT Dice 0.00"
    missed = counts(image_of(errors.png))
    assert missed["blue"] > 300
    assert missed["red"] + missed["green"] < 30  # the edges of letters, which depend on the font
    assert image_of(chart.png).width() == round(chart.width_px * SCALE)
    assert errors.width_px + chart.width_px <= PAGE_PX
    assert sum(picture.width_px for picture in report.slices.pictures) <= PAGE_PX


def test_the_session_stays_where_it_is(qtbot: QtBot, session: Session) -> None:
    compared(qtbot, session, a_case())
    session.set_cursor((3, 4, 5))
    moved = []
    for signal in (session.cursor_changed, session.overlay_changed, session.display_changed, session.case_changed):
        signal.connect(lambda: moved.append(1))
    made(session)
    assert session.cursor == (3, 4, 5)
    assert session.overlay is Overlay.PREDICTION
    assert moved == []


def test_the_report_is_of_the_case_that_it_was_asked_for(qtbot: QtBot, session: Session) -> None:
    asked_for, asked = compared(qtbot, session, a_case()), make_report(session)
    session.set_case(phantom_case("LPS", shape=(30, 30, 30), with_truth=False))
    session.set_plane(Plane.CORONAL)
    report = finish(asked)
    assert report == replace(asked_for, created=report.created)


def test_the_pdf_lets_others_have_their_turn_before_each_picture(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr(_Page, "loadResource", lambda page, kind, name: loaded.append(kind))
    to_pdf(compared(qtbot, session, a_case()))
    assert len(loaded) >= 5


def test_without_a_pair_there_are_volumes_alone(qapp: QApplication, session: Session) -> None:
    session.set_case(a_case())
    report = made(session)
    assert report.agreement is None
    assert report.table.title == "Volumes: Truth"
    assert [tuple(row) for row in report.table.rows] == [
        ("Enhancing tumour (ET)", "0.06 ml"),
        ("Tumour core (TC)", "0.06 ml"),
        ("Whole tumour (WT)", "0.06 ml"),
    ]


def test_without_any_labels_the_middle_is_shown(qapp: QApplication, session: Session) -> None:
    session.set_case(phantom_case("LPS", shape=SHAPE, with_truth=False))
    report = made(session)
    captions = [picture.caption for picture in report.slices.pictures]
    assert captions == ["Axial, slice 19 of 36", "Coronal, slice 25 of 48", "Sagittal, slice 21 of 40"]
    assert report.table.rows == ()
    assert report.slices.legend == []
    assert to_pdf(report).startswith(b"%PDF")


def test_a_file_that_this_program_wrote_says_what_made_it(
    qtbot: QtBot, session: Session, case_folder: Path, tmp_path: Path
) -> None:
    session.files_found.connect(session.load)
    with qtbot.waitSignal(session.case_changed):
        session.open(case_folder)
    assert session.case is not None
    session.set_prediction(replace(segmentation(session.case), labels=session.case.truth))
    with qtbot.waitSignal(session.prediction_changed):
        session.save(tmp_path / "mask.nii.gz")
    session.set_case(session.case)
    session.open_labels(tmp_path / "mask.nii.gz")
    qtbot.waitUntil(lambda: session.comparison is not None)
    facts = dict(made(session).facts)
    assert facts["Candidate"] == "mask.nii.gz"
    assert facts["Model"] == "unet, weights 0123456789ab"
    record = (tmp_path / "mask.json").read_text()
    (tmp_path / "mask.json").write_text(record.replace('"sha256": "', '"sha256": "0'))
    assert "Model" not in dict(made(session).facts)


def test_of_a_mask_that_cannot_be_read_again_nothing_is_told(
    qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path) -> str:
        raise PermissionError(f"{file}: not for you")

    mask, case = tmp_path / "mask.nii.gz", a_case()
    session.set_case(case)
    session.set_prediction(segmentation(case))
    with qtbot.waitSignal(session.prediction_changed):
        session.save(mask)
    session.add_reading(Reading(str(mask), "mask.nii.gz", cube(case, 11)))
    assert label_source(session, str(mask)).model == "unet"
    monkeypatch.setattr("brats_viewer.report.sources._sha256", refuse)
    assert label_source(session, str(mask)) == LabelSource("mask.nii.gz", mask)


def test_a_second_reader_is_compared_with_the_first(qtbot: QtBot, session: Session) -> None:
    case = a_case()
    session.set_case(case)
    session.add_reading(Reading("second", "Second reader", cube(case, 12)))
    qtbot.waitUntil(lambda: session.comparison is not None)
    report = made(session)
    assert report.table.title == "Second reader compared with Truth"
    assert report.table.rows[0][1] == "0.500"
    assert "Model" not in dict(report.facts)


def test_a_flat_and_oblique_case_fits_the_page(qtbot: QtBot, session: Session) -> None:
    case = phantom_case("ILP", shape=(60, 64, 6), spacing_mm=(1.0, 1.0, 5.0), tilt_deg=20.0)
    session.set_case(case)
    report = made(session)
    assert all(0.55 < picture.width_px / picture.height_px < 1.65 for picture in report.slices.pictures)
    assert sum(picture.width_px for picture in report.slices.pictures) <= PAGE_PX


# HTML


class Seen(HTMLParser):
    """The tags of a page, the sources of its pictures, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def read(html: str) -> Seen:
    seen = Seen()
    seen.feed(html)
    return seen


def test_the_page_stands_alone(qtbot: QtBot, session: Session) -> None:
    seen = read(to_html(compared(qtbot, session, a_case())))
    assert len(seen.sources) == 5
    assert all(source.startswith("data:image/png;base64,") for source in seen.sources)
    for words in ("phantom", "unet, weights 0123456789ab", "0.750", "T2 was missing", RESEARCH_USE):
        assert words in seen.words


def test_names_from_files_stay_words(qtbot: QtBot, session: Session) -> None:
    files = CaseFiles(id=EVIL, folder=Path(EVIL), images={}, truth=Path(f"{EVIL}.nii"))
    case = a_case(id=EVIL, files=files, warnings=(EVIL,))
    session.set_case(case)
    session.set_prediction(replace(segmentation(case), model=EVIL, device=EVIL, tta=EVIL, notes=(f"note {EVIL}",)))
    session.add_reading(Reading("other", EVIL, cube(case, 12)))
    qtbot.waitUntil(lambda: session.comparison is not None)
    session.set_pair("other", Overlay.PREDICTION)
    qtbot.waitUntil(lambda: session.comparison is not None)
    seen = read(to_html(made(session)))
    assert "script" not in seen.tags
    assert len(seen.sources) == 5
    assert all(source.startswith("data:image/png;base64,") for source in seen.sources)
    assert seen.words.count(EVIL) >= 6


# PDF


def test_the_pdf_is_one_page_of_a4(qtbot: QtBot, session: Session) -> None:
    content = to_pdf(compared(qtbot, session, a_case()))
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") == 1
    assert b"/MediaBox [0 0 595.000000 842.000000]" in content or b"/MediaBox [0 0 595 842]" in content


def test_much_to_remark_still_fits_the_sheet(qtbot: QtBot, session: Session) -> None:
    case = a_case(warnings=tuple(f"{number} " + "verylongword" * 100 for number in range(60)))
    report = compared(qtbot, session, case)
    assert report.remarks[-1] == "and 53 more"
    report = replace(report, remarks=[*report.remarks, *["one more line"] * 40])
    image = QImage(PAGE_PX + 100, round(SHEET_PX) + 200, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint_page(report, painter)
    painter.end()
    grey = np.frombuffer(image.convertToFormat(QImage.Format.Format_Grayscale8).constBits(), np.uint8)
    grey = grey.reshape(image.height(), -1)[:, : image.width()]
    inked = np.argwhere(grey < 200)
    assert SHEET_PX - 20 < inked[:, 0].max() < SHEET_PX
    assert inked[:, 1].max() < PAGE_PX
