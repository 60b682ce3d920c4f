"""The one mutable document of the viewer, with the work that changes it."""

from brats_viewer.document import LABEL_COLOURS, Document, Index, Levels, Overlay, brain_levels

__all__ = ["LABEL_COLOURS", "Index", "Levels", "Overlay", "Session", "brain_levels"]


class Session(Document):
    """The open case and how it is shown."""
