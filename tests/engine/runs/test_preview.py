"""The slice that a person watches, through its file."""

from pathlib import Path

import numpy as np
import pytest

from engine.runs.preview import Preview, read_preview, write_preview

SLICE = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_a_preview_survives_its_file(tmp_path: Path):
    write_preview(tmp_path, Preview(SLICE, SLICE % 4, SLICE % 3, "BraTS20_Training_001", 200, 0.625))
    found = read_preview(tmp_path)
    assert found is not None
    assert np.array_equal(found.image, SLICE)
    assert np.array_equal(found.truth, SLICE % 4)
    assert np.array_equal(found.prediction, SLICE % 3)
    assert (found.case, found.step, found.dice) == ("BraTS20_Training_001", 200, 0.625)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive at all"])
def test_one_that_cannot_be_read_is_none(tmp_path: Path, content: bytes):
    assert read_preview(tmp_path) is None
    (tmp_path / "preview.npz").write_bytes(content)
    assert read_preview(tmp_path) is None


def test_an_array_alone_is_none(tmp_path: Path):
    with (tmp_path / "preview.npz").open("wb") as file:
        np.save(file, SLICE)
    assert read_preview(tmp_path) is None


def test_one_that_lacks_something_is_none(tmp_path: Path):
    with (tmp_path / "preview.npz").open("wb") as file:
        np.savez(file, image=SLICE)
    assert read_preview(tmp_path) is None
