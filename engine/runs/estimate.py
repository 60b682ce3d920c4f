"""What a training will cost, as a person is told before it begins; measured by `engine.train.estimate`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and memory of a training on one device.

    seconds_per_step: of an optimiser's step. steps: of the whole training. seconds_total: with the validations on the
    way, without preparing the cases and without the table at the end. peak_memory_bytes: what a step holds at once;
    free_memory_bytes: what the device has for it now. device_title: for people. problem: why it cannot run, in a line
    that says what to do; None where it can.
    """

    seconds_per_step: float
    steps: int
    seconds_total: float
    peak_memory_bytes: int
    free_memory_bytes: int
    device_title: str
    problem: str | None
