"""Prediction: from a loaded case to its labels. Importing this is cheap: torch loads when something is computed."""

from engine.data import Case, Segmentation
from engine.model import DEFAULT_MODEL
from engine.predict.backends import BACKENDS
from engine.predict.device import AUTO, Device, devices
from engine.progress import Work

__all__ = ["AUTO", "BACKENDS", "TTA_SCHEMES", "Device", "devices", "segment", "warm_up"]

TTA_SCHEMES = ("none", "flips", "reference")


def segment(
    case: Case,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    backend: str = AUTO,
    tta: str = "flips",
    overlap: float | None = None,
    uncertainty: bool = False,
) -> Work[Segmentation]:
    """Segment a case: a generator that reports windows x passes and returns the labels on the case's own grid.

    model: a bundle's name or folder. device: "auto", "cpu", "cuda" or "cuda:N". backend: what computes there, one of
    `BACKENDS`; "auto" is the fastest that gives what torch gives, found out once for a model on a machine.
    tta: "none", "flips" (the mean of all eight mirrorings) or "reference" (eight corner chunks, each mirrored at
    random). overlap: the share, in [0, 1), that neighbouring windows have in common; None takes the model's own.
    uncertainty: whether to say as well how sure the network is (`Segmentation.uncertainty`); the labels are the same
    with it and without.

    Closing the generator stops the work, on the CPU within the layer that is being computed. Where memory is short the
    work is done with less, on the CPU in the end, and `Segmentation.notes` says so. Raises ModelError where the model
    cannot be read or does not fit the case, DeviceError where the device or backend is not there or is too small.
    """
    from engine.predict.pipeline import segment_case

    return (
        yield from segment_case(
            case, model=model, device=device, backend=backend, tta=tta, overlap=overlap, uncertainty=uncertainty
        )
    )


def warm_up(*, model: str = DEFAULT_MODEL, device: str = AUTO, backend: str = AUTO) -> Work[None]:
    """Make everything ready that `segment` with these will need, so that it begins at once in this process.

    To be run while a person still looks at the case: torch, the weights, the backend, and the trial that chooses it.
    Raises what `segment` does.
    """
    from engine.predict.pipeline import make_ready

    yield from make_ready(model=model, device=device, backend=backend)
