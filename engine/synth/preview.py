"""One picture of several cases, to see at a glance whether they are what was meant: a column each, its images above."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from engine import RESEARCH_USE
from engine.data import CaseFiles, Grid, Label, LabelMap, Modality, Region, Volume, orient, read_labels, read_volume
from engine.data.atomic import write_atomically
from engine.data.foreground import foreground
from engine.data.volume import ScalarT
from engine.errors import CaseError
from engine.progress import Pace, Work

MOST_CASES = 12
COLOURS = {Label.NCR: (220, 40, 40), Label.ED: (40, 170, 70), Label.ET: (250, 220, 40)}
_SOFTWARE = "BraTS Viewer, synthetic cases"
_FRAME = (240, 240)
_TILE = (176, 208)
"""The middle of the `_FRAME` of BraTS, where the head is."""
_LEFT, _TOP, _FOOT = 52, 44, 40  # room for the rows' names, the columns' heads, the notice
_BRIGHTEST = 99.5  # percentile of the brain that is shown white
_DIMMED = 0.6  # of the image beneath the truth
_WRITING = (225, 225, 225)


def check_preview(path: Path) -> None:
    """Raise CaseError if a preview cannot be written to `path`, before cases are made for it."""
    if path.suffix.lower() != ".png":
        raise CaseError(f"{path}: the preview is written as PNG; let its name end in .png")
    if path.exists() and not _is_ours(path):
        raise CaseError(f"{path}: exists and is no preview of this command; choose another name")


def draw_preview(cases: Sequence[CaseFiles], path: Path) -> Work[None]:
    """Draw the first `MOST_CASES` cases as a PNG: a generator that reports the cases drawn.

    Each column shows T1, T1CE, T2, FLAIR and the truth over FLAIR in the axial slice with the largest tumour, in
    radiological display (the patient's right is left), under the case's id and its volumes of ET, TC, WT in ml.
    Raises CaseError for a case without truth, and ImageFileError.
    """
    shown = cases[:MOST_CASES]
    picture = Image.new("RGB", (_LEFT + len(shown) * _TILE[0], _TOP + 5 * _TILE[1] + _FOOT))
    _label_picture(picture)
    pace = Pace(len(shown), "drawing the preview")
    for column, case in enumerate(shown):
        yield pace.report(column)
        _draw_case(picture, _LEFT + column * _TILE[0], case)
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", _SOFTWARE)
    content = BytesIO()
    picture.save(content, "PNG", pnginfo=text)
    write_atomically({path: content.getvalue()})


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == _SOFTWARE
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def _label_picture(picture: Image.Image) -> None:
    """Write what the rows and the colours are."""
    draw = ImageDraw.Draw(picture)
    for row, name in enumerate((*(modality.display_name for modality in Modality), "truth")):
        draw.text((_LEFT - 6, _TOP + (row + 0.5) * _TILE[1]), name, _WRITING, _font(13), anchor="rm")
    x, y = 6.0, picture.height - _FOOT * 0.7
    for label, colour in COLOURS.items():
        draw.text((x, y), label.name, colour, _font(12), anchor="lm")
        x += 34
    draw.text((x, y), "synthetic, no patient", _WRITING, _font(12), anchor="lm")
    draw.text((6, y + 16), RESEARCH_USE, _WRITING, _font(10), anchor="lm")


def _draw_case(picture: Image.Image, left: int, case: CaseFiles) -> None:
    if case.truth is None or case.convention is None:
        raise CaseError(f"{case.folder}: has no truth that can be drawn")
    truth = read_labels(case.truth, case.convention)
    level = _largest_slice(truth)
    picture.paste(_head(case.id, _volumes(truth)), (left, 0))
    tiles = [_grey_tile(read_volume(source)[0], level) for source in case.images.values()]
    tiles.append(_truth_tile(tiles[-1], truth, level))
    for row, tile in enumerate(tiles):
        size = tile.width * _TILE[0] // _FRAME[0], tile.height * _TILE[1] // _FRAME[1]
        corner = (tile.width - size[0]) // 2, (tile.height - size[1]) // 2
        head = (*corner, corner[0] + size[0], corner[1] + size[1])
        picture.paste(tile.resize(_TILE, Image.Resampling.NEAREST, head), (left, _TOP + row * _TILE[1]))


def _head(*lines: str) -> Image.Image:
    """What stands above a column, cut off where it is too long."""
    head = Image.new("RGB", (_TILE[0], _TOP))
    draw = ImageDraw.Draw(head)
    for line, text in enumerate(lines):
        draw.text((_TILE[0] / 2, 13 + 18 * line), text, _WRITING, _font(11), anchor="mm")
    return head


def _volumes(truth: LabelMap) -> str:
    volumes = (f"{region} {int(region.mask(truth.data).sum()) * truth.grid.voxel_ml:.1f}" for region in Region)
    return "  ".join(volumes) + " ml"


def _largest_slice(truth: LabelMap) -> int:
    """The axial slice with most tumour, counted from below; the middle one where there is none."""
    tumour = orient(truth.grid, "LPS").forward(Region.WT.mask(truth.data))
    areas = tumour.sum(axis=(0, 1))
    return int(areas.argmax()) if areas.any() else len(areas) // 2


def _grey_tile(volume: Volume, level: int) -> Image.Image:
    """A slice from black, the least value, to white, the brain's `_BRIGHTEST` percentile; the background is black."""
    brain = foreground(volume.data)
    black = float(volume.data.min())
    white = float(np.percentile(volume.data[brain], _BRIGHTEST)) if brain.any() else black + 1
    grey = ((_slice(volume.data, volume.grid, level) - black) / (white - black)).clip(0, 1) * 255
    return Image.fromarray((grey * _slice(brain, volume.grid, level)).astype(np.uint8)).convert("RGB")


def _truth_tile(image: Image.Image, truth: LabelMap, level: int) -> Image.Image:
    """The labels in their colours over the dimmed image."""
    pixels = (np.asarray(image) * _DIMMED).astype(np.uint8)
    labels = _slice(truth.data, truth.grid, level)
    for label, colour in COLOURS.items():
        pixels[labels == label] = colour
    return Image.fromarray(pixels)


def _slice(data: NDArray[ScalarT], grid: Grid, level: int) -> NDArray[ScalarT]:
    """An axial slice (rows to posterior, columns to the patient's left), which is how radiologists look at it."""
    return orient(grid, "LPS").forward(data)[:, :, level].T


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
