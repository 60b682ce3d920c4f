"""Batches made ahead: in their order, from any first one, with errors told and threads that end."""

import threading
from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import pytest
import torch

from engine.errors import TrainingError
from engine.runs.settings import TrainConfig
from engine.train.feed import Batch, batches

CONFIG = TrainConfig(batch=4)


class Numbers:
    """A source whose samples are their numbers."""

    device = torch.device("cpu")

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken

    def samples(self, numbers: Sequence[int]) -> Batch:
        if self.broken in numbers:
            raise TrainingError("the disk is gone")
        values = torch.tensor(list(numbers))
        return Batch(values.float(), values.to(torch.uint8))


def seen(feed, count: int) -> list[list[int]]:
    with closing(feed):
        return [batch.labels.tolist() for batch in islice(feed, count)]


def test_batches_come_in_order_from_the_first_one_asked_for():
    whole = seen(batches(CONFIG, Numbers(), 0), 12)
    assert whole[:2] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert seen(batches(CONFIG, Numbers(), 5), 7) == whole[5:]


def test_processes_share_each_batch():
    shares = [seen(batches(CONFIG, Numbers(), 1, rank, 2), 2) for rank in range(2)]
    assert shares == [[[4, 5], [8, 9]], [[6, 7], [10, 11]]]


def test_an_error_reaches_the_step_that_would_have_had_the_batch():
    with closing(batches(CONFIG, Numbers(broken=9), 0)) as feed:
        assert [next(feed).labels[0].item() for _ in range(2)] == [0, 4]
        with pytest.raises(TrainingError, match="disk"):
            next(feed)


def test_closing_ends_the_threads():
    before = threading.active_count()
    feed = batches(CONFIG, Numbers(), 0)
    next(feed)
    feed.close()
    assert threading.active_count() == before
