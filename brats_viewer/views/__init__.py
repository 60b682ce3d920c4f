"""The linked views of the open case."""

from brats_viewer.views.slice_grid import SliceGrid

__all__ = ["SliceGrid"]
