"""A case that this process keeps ready, so that segmenting it begins at once.

For the window's isolated process: `keep` while a person looks at the case, `segment_kept` when they ask for its mask.
Arrays reach another process as copies, and a case has 150 MB of them: one that is kept is neither sent nor prepared
again.
"""

from dataclasses import dataclass

from engine.data import Case, Segmentation
from engine.model import ModelCard, find_model
from engine.predict.device import AUTO
from engine.predict.pipeline import make_ready, segment_case
from engine.predict.prepare import Prepared, prepare
from engine.progress import Progress, Work


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    key: str
    case: Case
    card: ModelCard
    prepared: Prepared | None


_kept: _Kept | None = None
"""One at most: a person looks at one case."""


def keep(key: str, case: Case, *, model: str, device: str = AUTO) -> Work[None]:
    """Keep a case under a key of the caller's, in place of the one before, prepared for a model that is made ready too.

    Closing it stops the making ready; what is done by then stays. Raises what `segment` does.
    """
    global _kept
    _kept = None  # before there is another, so that memory never holds two
    card = find_model(model)
    yield Progress(0, 0, "preparing the images")
    _kept = _Kept(key, case, card, prepare(case, card))
    yield from make_ready(model=model, device=device, backend=AUTO)


def segment_kept(
    key: str, *, model: str, device: str = AUTO, tta: str = "flips", uncertainty: bool = False
) -> Work[Segmentation | None]:
    """`engine.predict.segment` of the case that is kept under a key; None where that is another one, or none."""
    kept = _kept
    if kept is None or kept.key != key:
        return None
    return (
        yield from segment_case(
            kept.case,
            model=model,
            device=device,
            backend=AUTO,
            tta=tta,
            overlap=None,
            uncertainty=uncertainty,
            prepared=kept.prepared if find_model(model) == kept.card else None,
        )
    )
