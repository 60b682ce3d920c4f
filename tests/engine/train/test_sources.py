"""Samples of a data set and of synthetic cases: how they are prepared, what is refused, what decides each of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import Modality
from engine.errors import TrainingError
from engine.progress import finish
from engine.runs.settings import TrainConfig
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize
from engine.train.cache import open_stored, pack
from engine.train.feed import make_batch
from engine.train.sources import FolderSource, SyntheticSource, prepare_dataset, resample_labels

CPU = torch.device("cpu")
CONFIG = TrainConfig(steps=2, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, warm_up=0.5)
IDS = ("BraTS20_Synthetic_001", "BraTS20_Synthetic_002")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two small cases of 8 mm in BraTS 2020 layout."""
    layout = LAYOUTS["brats2020"]
    finish(synthesize(tmp_path / "data", 2, Recipe(1, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0)), CPU))
    return tmp_path / "data"


def prepared(dataset: Path, config: TrainConfig = CONFIG, ids=IDS) -> FolderSource:
    return finish(prepare_dataset(dataset, ids, config, CPU, cache=dataset.parent / "cache"))


def image(dataset: Path, number: int, slot: str) -> Path:
    return next(dataset.glob(f"*_{number:03}/*_{slot}.nii.gz"))


def test_cases_are_prepared_at_the_networks_spacing_in_the_order_asked_for(dataset: Path):
    source = prepared(dataset, ids=IDS[::-1])
    assert [case.id for case in source.cases] == list(IDS[::-1])
    example = source.cases[0].example(CPU)
    assert example.images.shape == (4, *source.cases[0].shape)
    assert example.labels.shape == source.cases[0].shape
    assert all(size <= 20 for size in source.cases[0].shape)  # 8 mm became 10
    inside = example.images[0][example.images[0] != 0]
    assert inside.mean().item() == pytest.approx(0, abs=0.01)
    assert inside.std(correction=0).item() == pytest.approx(1, abs=0.01)


def test_a_case_is_prepared_once_for_the_settings_that_decide_it(dataset: Path):
    first = prepared(dataset).cases[0].path
    written = first.stat().st_mtime_ns
    again = prepared(dataset, replace(CONFIG, seed=7, batch=3)).cases[0].path
    assert (again, again.stat().st_mtime_ns) == (first, written)
    assert prepared(dataset, replace(CONFIG, spacing_mm=9.0)).cases[0].path != first


def test_a_changed_case_is_prepared_anew(dataset: Path):
    before = prepared(dataset).cases
    image(dataset, 1, "t2").write_bytes(image(dataset, 2, "t2").read_bytes())
    after = prepared(dataset).cases
    assert before[0].path != after[0].path
    assert before[0].fingerprint != after[0].fingerprint
    assert before[1] == after[1]


def test_a_damaged_prepared_case_is_made_again(dataset: Path, caplog: pytest.LogCaptureFixture):
    case = prepared(dataset).cases[1]
    content, whole = case.path.read_bytes(), case.example(CPU)
    case.path.write_bytes(content[:-9] + b"\1" + content[-8:])
    again = prepared(dataset).cases[1]
    assert again.path == case.path
    assert torch.equal(again.example(CPU).images, whole.images)
    assert torch.equal(again.example(CPU).labels, whole.labels)
    assert "made again" in caplog.text


def test_modalities_come_as_asked_for_and_normalised_by_slices(dataset: Path):
    config = replace(CONFIG, modalities=(Modality.T2F, Modality.T1C), normalisation="slice_minmax", spacing_mm=8.0)
    image(dataset, 1, "t1").unlink()  # is not asked for
    images = prepared(dataset, config).cases[0].example(CPU).images
    assert len(images) == 2
    tops = images.amax((1, 2))
    assert images.min() == 0
    assert torch.equal(tops, (tops > 0).float())  # each slice that holds anything reaches 1
    both = prepared(dataset, replace(config, modalities=config.modalities[::-1])).cases[0].example(CPU).images
    assert torch.equal(both.flip(0), images)


@pytest.mark.parametrize(
    ("slot", "what"),
    [("t1ce", "has no T1CE"), ("seg", "has no truth"), ("damaged", "_t1"), ("double", "several files")],
)
def test_a_case_that_cannot_be_used_is_named(dataset: Path, slot: str, what: str):
    if slot == "damaged":
        image(dataset, 2, "t1").write_bytes(b"nothing")
    elif slot == "double":
        one = image(dataset, 2, "t1ce")
        one.with_name(one.name.replace("t1ce", "t1gd")).write_bytes(one.read_bytes())
    else:
        image(dataset, 2, slot).unlink()
    with pytest.raises(TrainingError, match=f"Synthetic_002.*{what}"):
        prepared(dataset)
    assert len(prepared(dataset, ids=IDS[:1]).cases) == 1


def test_an_id_that_is_not_there_is_named(dataset: Path):
    with pytest.raises(TrainingError, match="has no case nobody"):
        prepared(dataset, ids=("nobody",))


def test_an_epoch_has_each_case_as_often_as_its_samples(dataset: Path):
    config = replace(CONFIG, samples_per_case=3, augmentation="none", drop_modality=0.0, foreground=0.0)
    source = prepared(dataset, config)
    for number, case in enumerate(source.cases):  # its images hold its number alone
        filled = np.full((4, 16, 16, 16), number + 1)
        prepared_as(case.path, filled)
    source = FolderSource(tuple(reopened(case) for case in source.cases), config, CPU)
    epochs = [[int(source.samples([n]).images.max()) for n in range(6 * e, 6 * e + 6)] for e in range(8)]
    assert all(sorted(epoch) == [1, 1, 1, 2, 2, 2] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3


def prepared_as(path: Path, images: np.ndarray) -> None:
    path.write_bytes(pack(images, np.zeros(images.shape[1:], np.uint8)))


def reopened(case):
    return open_stored(case.id, case.fingerprint, case.path)


@pytest.mark.parametrize("augmentation", ["full", "reference", "none"])
@pytest.mark.parametrize("synthetic", [True, False])
def test_a_sample_is_decided_by_its_number_and_not_by_its_batch(dataset: Path, augmentation: str, synthetic: bool):
    config = replace(CONFIG, augmentation=augmentation, batch=4, patch=(8, 16, 8), drop_modality=0.5)
    source = SyntheticSource(config, CPU) if synthetic else prepared(dataset, config)
    batch = make_batch(config, source, 3)
    assert batch.images.shape == (4, 4, 8, 16, 8)
    assert batch.labels.shape == (4, 8, 16, 8)
    assert batch.labels.dtype == torch.uint8
    halves = [make_batch(config, source, 3, rank, 2) for rank in range(2)]
    assert torch.equal(batch.images, torch.cat([half.images for half in halves]))
    assert torch.equal(batch.labels, torch.cat([half.labels for half in halves]))
    assert not torch.equal(batch.images, make_batch(config, source, 4).images)
    assert bool(torch.isfinite(batch.images).all())


def test_synthetic_samples_have_the_modalities_and_the_normalisation_asked_for():
    config = replace(CONFIG, modalities=(Modality.T2F, Modality.T1C), normalisation="slice_minmax")
    images = SyntheticSource(config, CPU).example(5).images
    all_four = SyntheticSource(replace(config, modalities=CONFIG.modalities), CPU).example(5).images
    assert torch.equal(images, all_four[[3, 1]])
    assert images.min() == 0
    assert images.max() == 1


def test_the_label_with_the_largest_share_wins():
    labels = torch.tensor([1, 1, 1, 3, 0, 0, 2, 2], dtype=torch.uint8).reshape(8, 1, 1)
    assert resample_labels(labels, (4, 1, 1)).flatten().tolist() == [1, 1, 0, 2]
    assert resample_labels(labels, (8, 1, 1)) is labels
