"""The surfaces of a case's brain and of its labels as meshes in world millimetres: what the 3D view turns around.

A mask becomes a smooth field by a Gaussian, and the field a mesh by surface nets: one vertex in each cell of eight
voxels that the surface passes through, one quadrilateral across each edge of the grid that it cuts (Gibson,
"Constrained elastic surface nets", MICCAI 1998). Instead of relaxing the net, each vertex takes one step of Newton's
along the field's gradient, which also is the surface's normal there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, Label, foreground
from engine.data.box import Box, bounding_box
from engine.progress import Progress, Work


@dataclass(frozen=True, slots=True)
class Detail:
    """How finely a surface is followed.

    Voxels closer than `step_mm` are skipped, and none is made up. `smoothing_mm` is the Gaussian's standard deviation;
    the surface lies where its weight inside of the mask is `level`, in (0, 1).
    """

    step_mm: float
    smoothing_mm: float
    level: float


OUTER = Detail(step_mm=2.0, smoothing_mm=2.0, level=0.5)
WHOLE_TUMOUR = Detail(step_mm=2.0, smoothing_mm=1.4, level=0.45)
INNER = Detail(step_mm=1.0, smoothing_mm=0.9, level=0.35)
"""A level below one half, so that a rim as thin as one voxel, and a spot of 2 x 3 x 3, has a surface."""
MIN_SMOOTHING_VOXELS = 0.7
"""Below this the steps of the voxels show."""
REACH_SIGMAS = 3.0
NOT_STRIPPED = 0.9
"""An image with a larger share of foreground shows more than a brain."""
AIR_OF_MEAN = 0.5
"""In such an image, what is darker than this share of its mean is air."""

CORNERS = np.stack(np.meshgrid((0, 1), (0, 1), (0, 1), indexing="ij"), axis=-1).reshape(8, 3)
"""The eight voxels of a cell, from its first."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A closed mesh: `vertices` (V, 3) float32 in world mm with outward unit `normals` (V, 3) float32.

    `quads` (4, Q) are the indices of each one's vertices, counter-clockwise where seen from outside; none is longer
    than `quad_mm`.
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    quads: NDArray[np.intp]
    quad_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """Everything within `radius_mm` of `centre_mm` (3,)."""

    centre_mm: NDArray[np.float32]
    radius_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """What there is to see of a case; a label without a voxel, or with too few for a surface, is missing.

    The surface of `Label.ED` is the whole tumour's: it encloses the others, as the oedema seen from outside does.
    """

    brain: Surface
    labels: Mapping[Label, Surface]
    ball: Ball | None
    """What holds the brain, or one of the labels if there is none; None if there is nothing."""


def build_surfaces(
    image: NDArray[np.float32], labels: NDArray[np.uint8] | None, grid: Grid, brain: Surface | None = None
) -> Work[Surfaces]:
    """The surfaces of `image` and `labels` (X, Y, Z), both on `grid`; a `brain` that is known is not built again."""
    yield Progress(0, 0, "brain surface")
    if brain is None:
        brain = brain_surface(image, grid)
    found: dict[Label, Surface] = {}
    if labels is not None:
        yield Progress(0, 0, "tumour surface")
        box = bounding_box(labels > 0)
        for label in Label:
            if label is not Label.BACKGROUND:
                yield Progress(0, 0, f"{label.name} surface")
                surface = label_surface(labels, label, grid, box)
                if surface.quads.size:
                    found[label] = surface
    return Surfaces(brain, found, _ball_around(brain, *found.values()))


def _ball_around(*surfaces: Surface) -> Ball | None:
    """What holds the first of the surfaces that is not empty; None if all are."""
    vertices = next((surface.vertices for surface in surfaces if surface.vertices.size), None)
    if vertices is None:
        return None
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return Ball(centre, float(np.linalg.norm(vertices - centre, axis=1).max()))


def brain_surface(image: NDArray[np.float32], grid: Grid) -> Surface:
    """The surface of the foreground of `image` (X, Y, Z); where that is nearly everything, of what is lighter than air.

    So an image whose skull was not removed shows the head, and not the box that it was taken in.
    """
    steps = _steps(grid, OUTER)
    coarse = image[:: steps[0], :: steps[1], :: steps[2]]
    mask = foreground(coarse)
    if mask.mean() > NOT_STRIPPED:
        mask = coarse > AIR_OF_MEAN * coarse.mean()
    return mask_surface(mask, _stepped(grid, (0, 0, 0), steps), OUTER)


def label_surface(labels: NDArray[np.uint8], label: Label, grid: Grid, box: Box) -> Surface:
    """The surface of `label` in `labels` (X, Y, Z), all of which lie within `box`; empty where there is none."""
    detail = WHOLE_TUMOUR if label is Label.ED else INNER
    steps = _steps(grid, detail)
    start = (box[0].start, box[1].start, box[2].start)
    cut = labels[box][:: steps[0], :: steps[1], :: steps[2]]
    mask = cut == label
    if label is Label.ED and mask.any():
        mask = cut != Label.BACKGROUND
    return mask_surface(mask, _stepped(grid, start, steps), detail)


def mask_surface(mask: NDArray[np.bool_], affine: NDArray[np.float64], detail: Detail) -> Surface:
    """The surface of `mask` (X, Y, Z), whose voxels lie by `affine` (4, 4); it closes at the faces of the grid."""
    from scipy.ndimage import gaussian_filter  # takes long to load

    box = bounding_box(mask)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    sigmas = np.maximum(detail.smoothing_mm / sizes, MIN_SMOOTHING_VOXELS)
    pads = np.ceil(REACH_SIGMAS * sigmas).astype(int) + 1
    field = np.pad(mask[box].astype(np.float32), [(pad, pad) for pad in pads])
    field = gaussian_filter(field, sigmas, truncate=REACH_SIGMAS, mode="constant")
    origin = np.array([one.start for one in box]) - pads
    vertices, slopes, quads = surface_net(field, detail.level)
    outward = -slopes @ np.linalg.inv(affine[:3, :3])
    lengths = np.linalg.norm(outward, axis=1, keepdims=True)
    return Surface(
        vertices=((vertices + origin) @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32),
        normals=(outward / np.maximum(lengths, 1e-6)).astype(np.float32),
        quads=quads,
        quad_mm=2 * float(np.linalg.norm(sizes)),  # its vertices lie in four cells around an edge of the grid
    )


def surface_net(
    field: NDArray[np.float32], level: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Where `field` (X, Y, Z), lower than `level` on its faces, rises through `level`.

    Returns vertices (V, 3) in voxels, the field's gradient per voxel there (V, 3), and quads (4, Q) of vertices,
    counter-clockwise where seen from the side on which the field is lower.
    """
    inside = field > level
    cell_shape = tuple(size - 1 for size in field.shape)
    filled = np.zeros(cell_shape, dtype=np.uint8)  # how many of a cell's eight voxels are inside
    for i, j, k in CORNERS:
        filled += inside[i : i + cell_shape[0], j : j + cell_shape[1], k : k + cell_shape[2]]
    cells = np.stack(np.nonzero((filled > 0) & (filled < len(CORNERS))), axis=1)
    numbers = np.full(field.shape, -1, dtype=np.int32)
    numbers[tuple(cells.T)] = np.arange(len(cells), dtype=np.int32)

    strides = np.array([field.shape[1] * field.shape[2], field.shape[2], 1])
    values = field.ravel()[(cells @ strides)[:, None] + CORNERS @ strides]  # (V, 8)
    slopes = values @ ((2 * CORNERS - 1) / 4).astype(np.float32)
    steepness = np.maximum((slopes**2).sum(axis=1), 1e-12)
    shift = slopes * ((level - values.mean(axis=1)) / steepness)[:, None]
    vertices = cells.astype(np.float32) + 0.5 + np.clip(shift, -0.5, 0.5)
    return vertices, slopes, np.concatenate([_quads_across(inside, numbers.ravel(), axis) for axis in range(3)], axis=1)


def _quads_across(inside: NDArray[np.bool_], numbers: NDArray[np.int32], axis: int) -> NDArray[np.intp]:
    """The quads of the grid's edges along `axis` with one end inside; `numbers` are the cells' vertices, flat."""
    strides = np.array([inside.shape[1] * inside.shape[2], inside.shape[2], 1])
    along, one, other = strides[axis], strides[(axis + 1) % 3], strides[(axis + 2) % 3]
    flat = inside.ravel()
    ends = np.flatnonzero(flat[:-along] != flat[along:])
    around = numbers[ends - np.array([[one + other], [other], [0], [one]])]  # counter-clockwise from the far end
    quads: NDArray[np.intp] = np.where(flat[ends], around, around[::-1]).astype(np.intp)
    return quads


def _steps(grid: Grid, detail: Detail) -> tuple[int, int, int]:
    """Every how many voxels of each axis about make the detail's step; 1 where they are larger."""
    i, j, k = (max(1, round(detail.step_mm / spacing)) for spacing in grid.spacing_mm)
    return i, j, k


def _stepped(grid: Grid, start: tuple[int, int, int], steps: tuple[int, int, int]) -> NDArray[np.float64]:
    """The affine (4, 4) of every `steps`-th voxel of `grid` from `start` on."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(np.array(start, dtype=np.float64))
    affine[:3, :3] *= steps
    return affine
