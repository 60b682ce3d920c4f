"""The picture of several cases: colours, sides and heights where they belong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import find_case
from engine.errors import CaseError, ImageFileError
from engine.progress import finish
from engine.synth.anatomy import FieldOfView
from engine.synth.case import SyntheticCase
from engine.synth.folder import write_case
from engine.synth.layout import LAYOUTS
from engine.synth.preview import COLOURS, check_preview, draw_preview
from engine.synth.scaling import Kind, Scaling

GRID = FieldOfView((20, 24, 19), 8.0)
LEFT, TOP, WIDTH, HEIGHT = 52, 44, 176, 208
EVEN = torch.ones(GRID.shape)


def write(folder: Path, truth: bool = True, image: torch.Tensor = EVEN, kind: Kind = Kind.INTEGER) -> Path:
    """A case with NCR on the patient's right in front, ED on the left behind, ET in the middle, largest in slice 5."""
    brain = torch.zeros(GRID.shape, dtype=torch.bool)
    brain[2:18, 2:22, 2:16] = True
    labels = torch.zeros(GRID.shape, dtype=torch.uint8)
    if truth:
        labels[3:6, 3:6, 5] = 1
        labels[14:17, 18:21, 5] = 2
        labels[9:11, 11:13, 4:6] = 3
    write_case(
        SyntheticCase((image * brain).expand(4, *GRID.shape), labels, brain),
        folder,
        LAYOUTS["brats2020"],
        GRID,
        [Scaling(kind, 100.0)] * 4,
        "",
    )
    return folder


def test_each_label_has_its_colour_on_its_side(tmp_path):
    one = find_case(write(tmp_path / "BraTS20_Synthetic_001"))
    other = find_case(write(tmp_path / "BraTS20_Synthetic_002", truth=False))
    finish(draw_preview([one, other], tmp_path / "p.png"))
    with Image.open(tmp_path / "p.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1] == LEFT + 2 * WIDTH
    truth = pixels[TOP + 4 * HEIGHT :, LEFT : LEFT + WIDTH][:HEIGHT]
    middles = []
    for colour in COLOURS.values():
        rows, columns = np.nonzero((truth == colour).all(axis=-1))
        middles.append((rows.mean() / HEIGHT, columns.mean() / WIDTH))
    (ncr_y, ncr_x), (ed_y, ed_x), (et_y, et_x) = middles
    assert ncr_x < 0.35 < et_x < 0.65 < ed_x, "the patient's right is left"
    assert ncr_y < 0.35 < et_y < 0.65 < ed_y, "the front is on top"
    for row in range(4):
        tile = pixels[TOP + row * HEIGHT :, LEFT:][:HEIGHT, :WIDTH]
        assert tile[HEIGHT // 2, WIDTH // 2].tolist() == [255, 255, 255]
        assert tile[2, 2].tolist() == [0, 0, 0]
    healthy = pixels[TOP:, LEFT + WIDTH :][: 5 * HEIGHT]
    assert (healthy[..., 0] == healthy[..., 1]).all(), "no colour where there is no tumour"
    assert pixels[:TOP, LEFT:].any(), "the case's id and its volumes"


@pytest.mark.parametrize("kind", Kind)
def test_a_case_looks_the_same_however_it_is_scaled(tmp_path, kind):
    ramp = ((torch.arange(GRID.shape[1]) - 1.9) / 10)[:, None].expand(GRID.shape)  # in the brain 1 to 191
    cases = [
        find_case(write(tmp_path / folder / "BraTS20_Synthetic_001", image=ramp, kind=one))
        for folder, one in (("plain", Kind.INTEGER), ("other", kind))
    ]
    finish(draw_preview(cases, tmp_path / "p.png"))
    with Image.open(tmp_path / "p.png") as picture:
        columns = np.asarray(picture)[TOP : TOP + 5 * HEIGHT, LEFT:].astype(int)
    plain, other = np.split(columns, 2, axis=1)
    assert len(np.unique(plain[:HEIGHT])) > 15, "the ramp is seen"
    assert np.abs(plain - other).max() <= 2  # z-scores have no 0 that could be black, so the least value is: 1 of 191


def test_an_own_preview_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "p.png"
    check_preview(path)
    case = find_case(write(tmp_path / "BraTS20_Synthetic_001"))
    finish(draw_preview([case], path))
    check_preview(path)
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("mine", encoding="utf-8")
    for name in ("photo.png", "text.png", "folder.png"):
        (tmp_path / "folder.png").mkdir(exist_ok=True)
        with pytest.raises(CaseError, match="choose another name"):
            check_preview(tmp_path / name)
    with pytest.raises(CaseError, match=r"ends? in \.png"):
        check_preview(tmp_path / "p.jpg")


def test_a_case_without_truth_is_told(tmp_path):
    folder = write(tmp_path / "BraTS20_Synthetic_001")
    (folder / "BraTS20_Synthetic_001_seg.nii.gz").unlink()
    with pytest.raises(CaseError, match="no truth"):
        finish(draw_preview([find_case(folder)], tmp_path / "p.png"))


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    case = find_case(write(tmp_path / "BraTS20_Synthetic_001"))
    with pytest.raises(ImageFileError):
        finish(draw_preview([case], tmp_path / "nowhere" / "p.png"))
