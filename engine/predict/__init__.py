"""Prediction: from a loaded case to its labels. Importing this is cheap: torch loads when something is computed."""

from engine.data import Case, Segmentation
from engine.model import DEFAULT_MODEL
from engine.predict.device import AUTO, Device, devices
from engine.progress import Work

__all__ = ["TTA_SCHEMES", "Device", "devices", "segment"]

TTA_SCHEMES = ("none", "flips", "reference")


def segment(
    case: Case,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    tta: str = "flips",
    overlap: float | None = None,
    uncertainty: bool = False,
) -> Work[Segmentation]:
    """Segment a case: a generator that reports windows x passes and returns the labels on the case's own grid.

    model: a bundle's name or folder. device: "auto", "cpu", "cuda" or "cuda:N". tta: "none", "flips" (the mean of all
    eight mirrorings) or "reference" (eight corner chunks, each mirrored at random). overlap: the share, in [0, 1), that
    neighbouring windows have in common; None takes the model's own. uncertainty: whether to say as well how sure the
    network is (`Segmentation.uncertainty`); the labels are the same with it and without.

    Closing the generator stops the work before the next forward pass. Raises ModelError where the model cannot be read
    or does not fit the case, DeviceError where the device is not there or is too small.
    """
    from engine.predict.pipeline import segment_case

    return (
        yield from segment_case(case, model=model, device=device, tta=tta, overlap=overlap, uncertainty=uncertainty)
    )
