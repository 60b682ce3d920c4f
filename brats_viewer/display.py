"""How a case is shown: what a person sets once and keeps from case to case, in one frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from engine.data import Label, Region

Colour = tuple[int, int, int]
"""Red, green, blue in 0-255."""


class Plane(StrEnum):
    """A plane through the patient."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"

    @property
    def display_name(self) -> str:
        """The plane's name for a person."""
        return self.value.capitalize()

    @property
    def normal(self) -> int:
        """The display axis along which its slices are counted."""
        return {Plane.AXIAL: 2, Plane.CORONAL: 1, Plane.SAGITTAL: 0}[self]

    @property
    def right(self) -> int:
        """The display axis that runs across the screen."""
        return 1 if self is Plane.SAGITTAL else 0

    @property
    def down(self) -> int:
        """The display axis that runs along the screen's height; its index falls from top to bottom."""
        return 1 if self is Plane.AXIAL else 2


class Layout(StrEnum):
    """Which views share the window."""

    PLANES = "planes"
    MODALITIES = "modalities"
    COMPARISON = "comparison"
    SIDE_BY_SIDE = "side by side"


class Layer(StrEnum):
    """What lies over the images."""

    LABELS = "labels"
    OUTLINED = "outlined"
    """The labels, with the outline of those that they are compared with."""
    DIFFERENCE = "difference"
    """Of one region: found, marked beside it, missed."""
    UNCERTAINTY = "uncertainty"


class Style(StrEnum):
    """How labels are drawn."""

    FILL = "fill"
    OUTLINE = "outline"
    BOTH = "both"


class Palette(StrEnum):
    """A set of colours."""

    STANDARD = "standard"
    COLOUR_BLIND = "colour-blind"


class Crosshair(StrEnum):
    """How the crosshair is drawn."""

    THIN = "thin"
    THICK = "thick"
    NONE = "none"


class Mouse(StrEnum):
    """Which habits the mouse follows: the right button sets the levels, or zooms as in ITK-SNAP and 3D Slicer."""

    LEVELS = "levels"
    ZOOM = "zoom"


class Look(StrEnum):
    """Whether the window is dark or light."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Display:
    """How cases are shown.

    by_region: name and hide nested regions in place of labels. region: whose difference is shown. smooth: interpolate
    the image between voxels. radiological: the patient's right is at the left of the screen.
    """

    layout: Layout = Layout.PLANES
    layer: Layer = Layer.LABELS
    style: Style = Style.BOTH
    palette: Palette = Palette.STANDARD
    crosshair: Crosshair = Crosshair.THIN
    mouse: Mouse = Mouse.LEVELS
    look: Look = Look.SYSTEM
    region: Region = Region.WT
    by_region: bool = False
    smooth: bool = True
    scale_bar: bool = True
    radiological: bool = True

    def to_json(self) -> dict[str, str | bool]:
        """Plain types, for the settings file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` made; what is missing or not understood has its default.

        >>> Display.from_json({"style": "fill", "palette": "rainbow", "smooth": "perhaps"}) == Display(style=Style.FILL)
        True
        """
        known: dict[str, Any] = {}
        for field in fields(cls):
            value, default = stored.get(field.name), field.default
            if isinstance(default, bool):
                if isinstance(value, bool):
                    known[field.name] = value
            elif isinstance(default, StrEnum) and value in list(type(default)):
                known[field.name] = type(default)(value)
        return cls(**known)


LABEL_COLOURS: Mapping[Palette, Mapping[Label, Colour]] = MappingProxyType(
    {
        Palette.STANDARD: MappingProxyType(
            {Label.NCR: (230, 60, 60), Label.ED: (70, 200, 90), Label.ET: (250, 215, 50), Label.RC: (90, 150, 250)}
        ),
        # Told apart with any of the common colour visions (Okabe and Ito 2008).
        Palette.COLOUR_BLIND: MappingProxyType(
            {Label.NCR: (213, 94, 0), Label.ED: (86, 180, 233), Label.ET: (240, 228, 66), Label.RC: (204, 121, 167)}
        ),
    }
)
"""By meaning and never by a file's integer."""

REGION_LABEL: Mapping[Region, Label] = MappingProxyType(
    {Region.ET: Label.ET, Region.TC: Label.NCR, Region.WT: Label.ED}
)
"""The label that a region has and the next smaller one has not: it lends the region its colour."""


@dataclass(frozen=True, slots=True)
class DifferenceColours:
    """Of voxels that both have (found), only the prediction (false), only what it is compared with (missed)."""

    found: Colour
    false: Colour
    missed: Colour


DIFFERENCE_COLOURS: Mapping[Palette, DifferenceColours] = MappingProxyType(
    {
        Palette.STANDARD: DifferenceColours((70, 200, 90), (240, 70, 70), (80, 150, 255)),
        Palette.COLOUR_BLIND: DifferenceColours((86, 180, 233), (230, 159, 0), (204, 121, 167)),
    }
)

ENTROPY_STOPS: tuple[tuple[float, Colour], ...] = (
    (0.0, (40, 0, 90)),
    (0.35, (150, 30, 130)),
    (0.7, (245, 110, 60)),
    (1.0, (255, 240, 160)),
)
"""Colours of uncertainty from none to one bit, each lighter than the one before, so that it reads in grey as well."""
