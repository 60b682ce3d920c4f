"""A case that the process keeps: the same labels as of one that is sent, and sooner."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.errors import ModelError
from engine.predict import kept
from engine.predict.kept import keep, segment_kept
from engine.progress import finish
from tests.engine.bundles import threshold_bundle
from tests.engine.predict.test_pipeline import expected_labels
from tests.phantoms import phantom_case


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    kept._kept = None


@pytest.fixture
def model(tmp_path):
    return str(threshold_bundle(tmp_path / "tiny").folder)


def test_a_kept_case_is_segmented_without_being_prepared_again(model, monkeypatch):
    case = phantom_case()
    finish(keep("one", case, model=model, device="cpu"))
    monkeypatch.setattr("engine.predict.pipeline.prepare", None)
    for _ in range(2):
        found = finish(segment_kept("one", model=model, device="cpu", uncertainty=True))
        np.testing.assert_array_equal(found.labels.data, expected_labels(case))
        assert found.uncertainty is not None


def test_another_model_prepares_the_kept_case_as_it_wants_it(model, tmp_path):
    case = phantom_case()
    finish(keep("one", case, model=model, device="cpu"))
    other = str(threshold_bundle(tmp_path / "other", axis_codes="LPS").folder)
    np.testing.assert_array_equal(
        finish(segment_kept("one", model=other, device="cpu")).labels.data, expected_labels(case)
    )


def test_what_is_not_kept_is_not_segmented(model):
    assert finish(segment_kept("one", model=model)) is None
    finish(keep("one", phantom_case(), model=model, device="cpu"))
    finish(keep("two", phantom_case(), model=model, device="cpu"))
    assert finish(segment_kept("one", model=model)) is None


def test_a_case_that_cannot_be_made_ready_takes_the_place_of_the_one_before(model):
    finish(keep("one", phantom_case(), model=model, device="cpu"))
    with pytest.raises(ModelError):
        finish(keep("two", phantom_case(), model="no such model", device="cpu"))
    assert finish(segment_kept("one", model=model)) is None
