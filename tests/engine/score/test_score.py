import json
import math

import numpy as np
import pytest

from engine.data import Grid, Label, LabelMap, Region
from engine.errors import CaseError
from engine.score import Score, score, to_json

SPACED = np.diag([1.0, 2.0, 3.0, 1.0])  # a voxel of 6 mm^3


def label_map(*painted: tuple[Label, tuple[slice | int, ...]], affine: np.ndarray = SPACED) -> LabelMap:
    data = np.zeros((10, 10, 10), dtype=np.uint8)
    for label, where in painted:
        data[where] = label
    return LabelMap(data, Grid(data.shape, affine))


def test_every_field_by_hand() -> None:
    prediction = label_map((Label.ET, (slice(1, 5), 4, 4)))  # four voxels
    truth = label_map((Label.ET, (slice(2, 8), 4, 4)))  # six voxels, three of them shared
    expected = Score(
        dice=0.6, hd95_mm=2.75, sensitivity=0.5, specificity=993 / 994, prediction_ml=0.024, truth_ml=0.036
    )  # truth to prediction: 0 0 0 1 2 3 mm, whose 95th percentile lies 0.75 of the way from 2 to 3
    assert score(prediction, truth) == dict.fromkeys(Region, approximately(expected))


def approximately(expected: Score) -> Score:
    """`expected` with fields that compare within rounding."""
    return Score(**{name: pytest.approx(getattr(expected, name)) for name in Score.__slots__})


def test_regions_hold_their_labels_and_a_cavity_belongs_to_none() -> None:
    truth = label_map(
        (Label.NCR, (0, slice(0, 2), 0)), (Label.ED, (1, 0, slice(0, 3))), (Label.ET, (2, 0, 0)), (Label.RC, 9)
    )
    volumes = {region: result.truth_ml for region, result in score(label_map(), truth).items()}
    assert volumes == pytest.approx({Region.ET: 0.006, Region.TC: 0.018, Region.WT: 0.036})
    cavities = score(label_map((Label.RC, 0)), label_map((Label.RC, 5)))
    assert set(cavities.values()) == {Score(1.0, 0.0, 1.0, 1.0, 0.0, 0.0)}


def test_nothing_predicted_where_nothing_is_is_perfect() -> None:
    assert set(score(label_map(), label_map()).values()) == {Score(1.0, 0.0, 1.0, 1.0, 0.0, 0.0)}


def test_a_region_only_predicted_or_only_true_scores_nothing() -> None:
    nothing, something = label_map(), label_map((Label.ED, (4, 4, 4)))
    false_alarm, missed = score(something, nothing)[Region.WT], score(nothing, something)[Region.WT]
    assert false_alarm == Score(0.0, 373.12866, 0.0, 0.999, pytest.approx(0.006), 0.0)
    assert missed == Score(0.0, 373.12866, 0.0, 1.0, 0.0, pytest.approx(0.006))


def test_json_of_a_truth_that_fills_the_image_has_null_for_what_is_undefined() -> None:
    full = label_map((Label.NCR, ...))
    text = json.dumps(to_json(score(full, full)), allow_nan=False)
    assert json.loads(text)["regions"] == {
        "ET": perfect(specificity=1.0, millilitres=0.0),
        "TC": perfect(specificity=None, millilitres=6.0),
        "WT": perfect(specificity=None, millilitres=6.0),
    }


def perfect(specificity: float | None, millilitres: float) -> dict[str, object]:
    return {
        "dice": 1.0,
        "hd95_mm": 0.0,
        "sensitivity": 1.0,
        "specificity": specificity,
        "prediction_ml": pytest.approx(millilitres),
        "truth_ml": pytest.approx(millilitres),
    }


@pytest.mark.parametrize(
    ("affine", "said"),
    [
        (np.eye(4) + 2 * np.eye(4, k=3), "2.00 mm and 0.0 degrees"),
        (np.array([[0.0, -1, 0, 9], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "9.00 mm and 90.0 degrees"),
    ],
)
def test_another_grid_is_refused_in_mm_and_degrees(affine: np.ndarray, said: str) -> None:
    with pytest.raises(CaseError, match=said):
        score(label_map(affine=affine), label_map(affine=np.eye(4)))


def test_another_shape_is_refused() -> None:
    small = LabelMap(np.zeros((10, 10, 9), np.uint8), Grid((10, 10, 9), SPACED))
    with pytest.raises(CaseError, match="10 x 10 x 9 voxels"):
        score(small, label_map())


def test_a_shift_within_rounding_is_the_same_grid() -> None:
    prediction = label_map((Label.ET, (4, 4, 4)), affine=SPACED + 0.005 * np.eye(4, k=3))
    assert score(prediction, label_map((Label.ET, (4, 4, 4))))[Region.ET].dice == 1.0


def test_distance_is_in_mm_on_a_turned_grid() -> None:
    turn = math.radians(30)
    rotation = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ SPACED[:3, :3]
    one, other = label_map((Label.ET, (1, 1, 1)), affine=affine), label_map((Label.ET, (1, 3, 2)), affine=affine)
    assert score(one, other)[Region.ET].hd95_mm == pytest.approx(5.0)  # 2 voxels of 2 mm and 1 of 3 mm
