"""What one view of a layout shows, and where each view of a layout stands."""

from dataclasses import dataclass
from enum import StrEnum

from brats_viewer.display import Layer, Layout, Plane
from brats_viewer.document import Document, Overlay
from engine.data import Modality

Place = tuple[int, int, int, int]
"""Row, column, and how many of each a view takes."""


class Side(StrEnum):
    """One of the two label maps that are compared."""

    CANDIDATE = "candidate"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Pane:
    """One view: a plane, and of what; a field that is None follows the document."""

    plane: Plane
    modality: Modality | None = None
    layer: Layer | None = None
    side: Side | None = None

    def reading_in(self, document: Document) -> str:
        """The key of the label map shown."""
        if self.side and document.pair:
            return document.pair[0 if self.side is Side.CANDIDATE else 1]
        return document.overlay

    def compared_in(self, document: Document) -> str | None:
        """The key of the label map outlined over the one shown: the other of the pair, or the truth where it is none.

        Side by side, both of the pair are judged by the truth.
        """
        shown = self.reading_in(document)
        truth = Overlay.TRUTH if document.label_map(Overlay.TRUTH) else None
        if self.side:
            return truth if truth != shown else None
        other = next((key for key in document.pair or () if key != shown), None)
        return other or (truth if truth != shown else None)

    def title_in(self, document: Document) -> str:
        """What is written over the view besides its plane; empty where it follows the document."""
        if self.layer is Layer.DIFFERENCE:
            return f"Difference, {document.display.region}"
        if self.side:
            reading = document.reading(self.reading_in(document))
            return reading.title if reading else ""
        return ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the window and what is there: a pane, or the surfaces in three dimensions where it is None."""

    pane: Pane | None
    place: Place


def cells(layout: Layout, plane: Plane, modalities: tuple[Modality, ...]) -> tuple[Cell, ...]:
    """The views of a layout. plane: the active one, in layouts of one plane. modalities: those of the case.

    >>> [cell.place for cell in cells(Layout.COMPARISON, Plane.AXIAL, ())]
    [(0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 1)]
    """
    panes: tuple[Pane, ...]
    match layout:
        case Layout.PLANES:
            return (
                Cell(Pane(Plane.AXIAL), (0, 0, 3, 2)),
                Cell(Pane(Plane.CORONAL), (0, 2, 1, 1)),
                Cell(Pane(Plane.SAGITTAL), (1, 2, 1, 1)),
                Cell(None, (2, 2, 1, 1)),
            )
        case Layout.MODALITIES:
            columns = 1 if len(modalities) < 2 else 2
            return tuple(
                Cell(Pane(plane, modality), (number // columns, number % columns, 1, 1))
                for number, modality in enumerate(modalities)
            )
        case Layout.COMPARISON:
            panes = (
                Pane(plane, layer=Layer.LABELS, side=Side.CANDIDATE),
                Pane(plane, layer=Layer.LABELS, side=Side.REFERENCE),
                Pane(plane, layer=Layer.DIFFERENCE),
            )
        case Layout.SIDE_BY_SIDE:
            panes = tuple(Pane(plane, layer=Layer.OUTLINED, side=side) for side in Side)
    return tuple(Cell(pane, (0, column, 1, 1)) for column, pane in enumerate(panes))
