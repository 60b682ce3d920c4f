import json
from pathlib import Path

import numpy as np
import pytest

from engine.data import Grid, Label, LabelMap, Region
from engine.errors import CaseError
from engine.score import LesionKind, LesionScore, lesion_scores, lesions_to_json
from tests.engine.score.lesion_pairs import SEEDS, lesion_pair

SHAPE = (24, 24, 24)
BLOCK = (slice(4, 8), slice(4, 8), slice(0, 4))  # 64 voxels, at the edge of the image
EXPECTED = json.loads((Path(__file__).parent / "lesion_pairs.json").read_text(encoding="utf-8"))


def ed(*where: tuple[slice | int, ...], voxel_mm: float = 1.0) -> LabelMap:
    """Oedema, so only WT is more than empty."""
    data = np.zeros(SHAPE, dtype=np.uint8)
    for box in where:
        data[box] = Label.ED
    return LabelMap(data, Grid(SHAPE, np.diag([1.0, 1.0, voxel_mm, 1.0])))


def whole_tumour(prediction: LabelMap, truth: LabelMap) -> LesionScore:
    return lesion_scores(prediction, truth)[Region.WT]


def kinds(score: LesionScore) -> list[str]:
    return [lesion.kind.value for lesion in score.lesions]


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_to_the_organisers_implementation(seed: int) -> None:
    for region, score in lesion_scores(*lesion_pair(seed)).items():
        counts = {kind.value: score.count(kind) for kind in LesionKind}
        expected = dict(zip(EXPECTED["columns"], EXPECTED["pairs"][str(seed)][region.value], strict=True))
        assert {"dice": score.dice, "hd95_mm": score.hd95_mm, **counts} == pytest.approx(expected, abs=1e-9)


def test_the_pairs_hold_every_kind_of_lesion_many_times() -> None:
    counts = np.array([row[2:] for pair in EXPECTED["pairs"].values() for row in pair.values()])
    assert (counts.sum(axis=0) > 20).all()
    assert len(counts) == 3 * len(SEEDS)


def test_every_field_by_hand() -> None:
    score = whole_tumour(ed((slice(5, 9), slice(4, 8), slice(0, 4)), (20, 20, 20)), ed(BLOCK))
    found, invented = score.lesions
    assert (found.number, found.kind, invented.number, invented.kind) == (1, "matched", 2, "false_positive")
    assert found.dice == pytest.approx(0.75)  # 48 of 64 voxels
    assert found.hd95_mm == 1.0
    assert (found.truth_ml, found.prediction_ml) == pytest.approx((0.064, 0.064))
    assert found.centre in {(i, j, k) for i in (5, 6) for j in (5, 6) for k in (1, 2)}
    assert (invented.dice, invented.hd95_mm, invented.centre) == (0.0, 374.0, (20, 20, 20))
    assert (invented.truth_ml, invented.prediction_ml) == pytest.approx((0.0, 0.001))
    assert (score.dice, score.hd95_mm) == pytest.approx((0.375, 187.5))


@pytest.mark.parametrize(("voxel_mm", "length"), [(1.0, 50), (2.0, 25)])
def test_a_lesion_of_50_cubic_millimetres_is_not_scored_and_a_larger_one_is(voxel_mm: float, length: int) -> None:
    places = [(index // 10, index % 10, 0) for index in range(length + 1)]
    small = whole_tumour(ed(voxel_mm=voxel_mm), ed(*places[:-1], voxel_mm=voxel_mm))
    assert (small.dice, small.hd95_mm, kinds(small)) == (1.0, 0.0, ["ignored"])
    assert (small.lesions[0].dice, small.lesions[0].hd95_mm) == (None, None)
    large = whole_tumour(ed(voxel_mm=voxel_mm), ed(*places, voxel_mm=voxel_mm))
    assert (large.dice, large.hd95_mm, kinds(large)) == (0.0, 374.0, ["missed"])


def test_50_voxels_of_nearly_1_mm_are_50_cubic_millimetres() -> None:
    truth = ed((slice(0, 5), slice(0, 10), 0), voxel_mm=1.0000001)
    assert kinds(whole_tumour(ed(voxel_mm=1.0000001), truth)) == ["ignored"]


def test_what_is_predicted_at_a_lesion_too_small_to_score_is_no_false_positive() -> None:
    score = whole_tumour(ed((10, 10, slice(10, 13))), ed((10, 10, 10)))
    assert (score.dice, kinds(score)) == (1.0, ["ignored"])
    assert score.lesions[0].prediction_ml == pytest.approx(0.003)


@pytest.mark.parametrize(("gap", "lesions"), [(6, 1), (7, 2)])
def test_parts_of_the_truth_whose_dilations_meet_are_one_lesion(gap: int, lesions: int) -> None:
    truth = ed(BLOCK, (slice(4, 8), slice(4, 8), slice(4 + gap, 8 + gap)))
    assert kinds(whole_tumour(ed(), truth)) == ["missed"] * lesions


@pytest.mark.parametrize(("away", "expected"), [(3, ["matched"]), (4, ["missed", "false_positive"])])
def test_a_lesion_collects_what_touches_its_dilation(away: int, expected: list[str]) -> None:
    assert kinds(whole_tumour(ed((5, 5, 3 + away)), ed(BLOCK))) == expected


@pytest.mark.parametrize(("voxel", "expected"), [((9, 9, 5), ["matched"]), ((9, 9, 6), ["missed", "false_positive"])])
def test_dilation_goes_over_faces_and_edges_but_not_over_corners(
    voxel: tuple[int, int, int], expected: list[str]
) -> None:
    # From the corner (7, 7, 3) three steps along two axes each reach 2 + 2 + 2 voxels, but not 2 + 2 + 3.
    assert kinds(whole_tumour(ed(voxel), ed(BLOCK))) == expected


def test_one_prediction_over_two_lesions_belongs_to_both() -> None:
    truth = ed(BLOCK, (slice(4, 8), slice(4, 8), slice(11, 15)))
    score = whole_tumour(ed((slice(4, 8), slice(4, 8), slice(0, 15))), truth)
    assert kinds(score) == ["matched", "matched"]
    assert [lesion.dice for lesion in score.lesions] == pytest.approx([2 * 64 / (64 + 240)] * 2)


def test_voxels_that_share_a_corner_are_connected() -> None:
    assert kinds(whole_tumour(ed((10, 10, 10), (11, 11, 11)), ed())) == ["false_positive"]


def test_the_largest_comes_first() -> None:
    score = whole_tumour(ed((20, 20, slice(14, 24))), ed((20, 20, 0), (slice(0, 2), slice(4, 9), slice(0, 9))))
    assert [(lesion.number, lesion.kind) for lesion in score.lesions] == [
        (1, "missed"),
        (2, "false_positive"),
        (3, "ignored"),
    ]


def test_the_centre_lies_in_the_lesion() -> None:
    ring = ed((slice(2, 12), slice(2, 12), 5))
    ring.data[3:11, 3:11, 5] = Label.BACKGROUND
    i, j, k = whole_tumour(ed(), ring).lesions[0].centre
    assert ring.data[i, j, k] == Label.ED


def test_nothing_against_nothing_is_perfect() -> None:
    assert lesion_scores(ed(), ed()) == dict.fromkeys(Region, LesionScore(1.0, 0.0, ()))


def test_json_is_finite_and_says_how_many_of_each_kind() -> None:
    said = json.loads(json.dumps(lesions_to_json(lesion_scores(ed(BLOCK), ed(BLOCK, (20, 20, 20)))), allow_nan=False))
    assert said["lesionwise"]["ET"]["lesions"] == []
    whole = said["lesionwise"]["WT"]
    assert (whole["dice"], whole["hd95_mm"]) == (1.0, 0.0)
    assert whole["counts"] == {"matched": 1, "missed": 0, "false_positive": 0, "ignored": 1}
    assert whole["lesions"][1] == {
        "number": 2,
        "kind": "ignored",
        "centre": [20, 20, 20],
        "truth_ml": pytest.approx(0.001),
        "prediction_ml": 0.0,
        "dice": None,
        "hd95_mm": None,
    }


def test_another_grid_is_refused() -> None:
    with pytest.raises(CaseError, match="1 x 24 x 24"):
        lesion_scores(LabelMap(np.zeros((1, 24, 24), np.uint8), Grid((1, 24, 24), np.eye(4))), ed())
