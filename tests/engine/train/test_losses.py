"""The losses against sums done by hand."""

import math

import pytest
import torch

from engine.train.losses import dice_loss, focal_loss

EVEN = torch.zeros((2, 1, 1, 1, 2))  # probability 1/2 everywhere


def test_dice_sums_over_the_batch():
    targets = torch.tensor([1.0, 0.0, 0.0, 0.0]).reshape(2, 1, 1, 1, 2)
    # overlap 1/2, probabilities 4 / 2, targets 1: 1 - 2 * 0.5 / (2 + 1)
    assert dice_loss(EVEN, targets).item() == pytest.approx(2 / 3, abs=1e-5)


def test_dice_of_nothing_against_nothing_is_no_loss():
    nothing = torch.full((1, 3, 2, 2, 2), -100.0)
    assert dice_loss(nothing, torch.zeros_like(nothing)).item() == pytest.approx(0, abs=1e-5)


def test_dice_is_a_mean_over_regions():
    logits = torch.tensor([100.0, 100.0]).reshape(1, 2, 1, 1, 1)
    targets = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1, 1)
    assert dice_loss(logits, targets).item() == pytest.approx(0.5, abs=1e-4)


def test_focal_weighs_by_what_is_missing():
    logits = torch.tensor([math.log(3), math.log(3)]).reshape(1, 1, 1, 1, 2)  # probability 3/4
    targets = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 1, 2)
    by_hand = (-(0.25**2) * math.log(0.75) - 0.75**2 * math.log(0.25)) / 2
    assert focal_loss(logits, targets, 2.0).item() == pytest.approx(by_hand, rel=1e-5)
    cross_entropy = -(math.log(0.75) + math.log(0.25)) / 2
    assert focal_loss(logits, targets, 0.0).item() == pytest.approx(cross_entropy, rel=1e-5)
