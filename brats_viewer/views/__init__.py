"""The linked planes through the open case."""

from brats_viewer.views.geometry import Plane
from brats_viewer.views.tri_planar import TriPlanarView

__all__ = ["Plane", "TriPlanarView"]
