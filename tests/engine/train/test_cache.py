"""Prepared cases on disk: what goes in comes out, and what is damaged is noticed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Modality
from engine.errors import TrainingError
from engine.runs.settings import TrainConfig
from engine.train.cache import cache_path, open_stored, pack

CPU = torch.device("cpu")
LABELS = np.array([0, 2, 3, 1, 2, 2, 4, 0], dtype=np.uint8).reshape(2, 2, 2)
IMAGES = np.linspace(-3, 4, 16, dtype=np.float32).reshape(2, 2, 2, 2)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "case").write_bytes(pack(IMAGES, LABELS))
    return tmp_path / "case"


def test_a_case_survives_its_file(path):
    case = open_stored("p", "print", path)
    assert (case.id, case.fingerprint, case.shape) == ("p", "print", (2, 2, 2))
    example = case.example(CPU)
    torch.testing.assert_close(example.images, torch.from_numpy(IMAGES), rtol=2**-11, atol=0)
    assert np.array_equal(example.labels.numpy(), LABELS)


def test_regions_are_the_first_voxels_of_the_tumour(path):
    case = open_stored("p", "", path)
    assert case.region_voxels == (1, 2, 5)
    assert case.array("tumour").tolist() == [2, 3, 1, 4, 5]  # ET, NCR, ED; a resection cavity is of no region


def test_a_case_without_tumour_can_be_kept(tmp_path):
    (tmp_path / "case").write_bytes(pack(IMAGES, np.zeros_like(LABELS)))
    case = open_stored("p", "", tmp_path / "case")
    assert case.region_voxels == (0, 0, 0)
    assert case.array("tumour").tolist() == []


def test_any_damaged_byte_that_counts_is_noticed(path):
    content = path.read_bytes()
    sound = open_stored("p", "", path)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        case = open_stored("p", "", path)
        if case is not None:  # a space in the header
            assert case == sound
            assert np.array_equal(case.example(CPU).images, sound.example(CPU).images)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_file_that_was_cut_off_is_noticed(path, length):
    path.write_bytes(path.read_bytes()[:length])
    assert open_stored("p", "", path) is None


def test_no_file_is_no_case(tmp_path):
    assert open_stored("p", "", tmp_path / "none") is None


def test_a_file_that_goes_while_it_is_used_is_told(path):
    case = open_stored("p", "", path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrainingError, match="resume the training"):
        case.array("labels")
    path.unlink()
    with pytest.raises(TrainingError, match="resume the training"):
        case.example(CPU)


def test_a_name_says_all_that_decides_the_content(tmp_path):
    config = TrainConfig()
    others = [
        replace(config, spacing_mm=1.0),
        replace(config, normalisation="slice_minmax"),
        replace(config, modalities=(Modality.T1C, Modality.T2F)),
    ]
    names = {cache_path(tmp_path, "p", "a", other).name for other in [config, *others]}
    names |= {cache_path(tmp_path, "p", "b", config).name, cache_path(tmp_path, "q", "a", config).name}
    assert len(names) == 6
    assert cache_path(tmp_path, "p", "a", replace(config, seed=1, batch=7)) == cache_path(tmp_path, "p", "a", config)
