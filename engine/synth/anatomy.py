"""One person's healthy brain: the atlas turned, scaled, bent, aged, and pushed aside by what grows in it.

A brain is described by a field of positions: for each voxel of the case's grid, the point of the atlas it shows. The
field is smooth, so all bending happens on a coarse lattice and only the last look-up is done at full resolution.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from engine.synth.atlas import MAPS, Atlas
from engine.synth.draw import Draw
from engine.synth.lattice import stretch

LATTICE_MM = 4.0
TENTORIUM_MM = -22.0  # height from the middle of the head; below lie the cerebellum and the brain stem
Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """The voxels a case is made on: axes to left, posterior, superior, the brain in the middle.

    >>> FieldOfView((80, 96, 80), 2.0).size_mm
    (160.0, 192.0, 160.0)
    """

    shape: Shape
    spacing_mm: float

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Extent along the three axes."""
        x, y, z = self.shape
        return x * self.spacing_mm, y * self.spacing_mm, z * self.spacing_mm

    @property
    def lattice(self) -> Shape:
        """Points along each axis, about `LATTICE_MM` apart, on which smooth fields are bent."""
        x, y, z = (max(2, round(size / LATTICE_MM)) for size in self.size_mm)
        return x, y, z

    def axes_mm(self, shape: Shape, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Positions along each axis in mm from the middle, of `shape` points from the first voxel to the last."""
        half = [(size - self.spacing_mm) / 2 for size in self.size_mm]
        x, y, z = (torch.linspace(-end, end, count, device=device) for end, count in zip(half, shape, strict=True))
        return x, y, z

    def positions_mm(self, shape: Shape, device: torch.device) -> Tensor:
        """Positions (3, *shape) in mm from the middle, of `shape` points spread over the grid."""
        return torch.stack(torch.meshgrid(*self.axes_mm(shape, device), indexing="ij"))


@dataclass(frozen=True)
class Anatomy:
    """A brain on a grid; all fields (X, Y, Z) float32, distances in mm as in `Atlas`.

    grey, white and fluid are shares that sum to 1; inside_ventricle is the share of the lateral ventricles. lateral is
    the distance from the mid-sagittal plane in the atlas, positive on one side; height that from its middle, upwards.
    """

    grey: Tensor
    white: Tensor
    fluid: Tensor
    t1: Tensor
    depth: Tensor
    ventricle: Tensor
    inside_ventricle: Tensor
    lateral: Tensor
    height: Tensor

    @cached_property
    def brain(self) -> Tensor:
        """Where there is brain, bool."""
        return self.depth > 0

    @cached_property
    def below_tentorium(self) -> Tensor:
        """Share of the cerebellum and the brain stem."""
        return torch.sigmoid((TENTORIUM_MM - self.height) / 3)

    @cached_property
    def deep_grey(self) -> Tensor:
        """Share of the basal ganglia and the thalamus."""
        near_ventricle = torch.sigmoid((16 - self.ventricle) / 3)
        return self.grey * torch.sigmoid((self.depth - 24) / 3) * near_ventricle

    @property
    def shape(self) -> Shape:
        """Size in voxels."""
        x, y, z = self.depth.shape
        return x, y, z


def draw_field(atlas: Atlas, grid: FieldOfView, draw: Draw) -> Tensor:
    """Positions in the atlas, (3, *lattice) in mm, of a randomly turned, scaled, mirrored and bent head."""
    lattice = grid.lattice
    position = grid.positions_mm(lattice, draw.device)
    size = draw.uniform(1.03, 1.2)
    scale = torch.tensor([size * draw.uniform(0.95, 1.05) for _ in range(3)], device=draw.device)
    if draw.chance(0.5):
        scale[0] = -scale[0]
    shift = torch.tensor([max(-9.0, min(9.0, draw.normal(0, 4))) for _ in range(3)], device=draw.device)
    matrix = draw.rotation(0.2) * scale
    bend = draw.noise(lattice, 8, 3) * draw.uniform(0, 3.0) + draw.noise(lattice, 4, 3) * draw.uniform(0, 1.2)
    middle = torch.tensor(atlas.middle_mm, device=draw.device)
    field = torch.einsum("ij,jxyz->ixyz", matrix, position) + bend + (middle + shift)[:, None, None, None]
    return _widen_ventricles(atlas, field, draw)


def _widen_ventricles(atlas: Atlas, field: Tensor, draw: Draw) -> Tensor:
    """Age the brain: pull the look-up towards the ventricles, so that they fill more of the image, by up to 9 mm."""
    width = draw.uniform(-1, 1.5) if draw.chance(0.5) else draw.log_normal(3.5, 0.5, 1.5, 9)
    asymmetry = 1 + draw.uniform(-0.4, 0.4) * torch.tanh((field[:1] - atlas.middle_mm[0]) / 12)
    distance = look_up(atlas, field)[MAPS.index("ventricle")]
    slope = torch.stack(torch.gradient(distance, spacing=LATTICE_MM)) * axis_signs(field)  # along the atlas's axes
    pull = width * asymmetry * torch.exp(-distance.clamp(min=0) / 10)
    return field - pull * slope


def axis_signs(field: Tensor) -> Tensor:
    """Direction, +1 or -1, in which the atlas runs along each axis of the case, which may be mirrored: (3, 1, 1, 1)."""
    ends = [field[axis].select(axis, -1).mean() - field[axis].select(axis, 0).mean() for axis in range(3)]
    return torch.stack(ends).sign()[:, None, None, None]


def look_up(atlas: Atlas, field: Tensor) -> Tensor:
    """Values (len(MAPS), X, Y, Z) of the atlas's maps at the positions `field` (3, X, Y, Z), linearly interpolated."""
    index = (field - (atlas.spacing_mm - 1) / 2) / atlas.spacing_mm
    last = torch.tensor(atlas.maps.shape[1:], device=field.device)[:, None, None, None] - 1
    unit = index * (2 / last) - 1
    points = unit.flip(0).permute(1, 2, 3, 0)[None]
    return functional.grid_sample(atlas.maps[None], points, align_corners=True, padding_mode="border")[0]


def build(atlas: Atlas, field: Tensor, grid: FieldOfView, draw: Draw) -> Anatomy:
    """The brain that `field` (3, *lattice) shows, on a grid.

    Sulci are widened (atrophy), folds that the average template has lost are put back as noise, and the template's
    soft borders are sharpened, all by random amounts.
    """
    shape = grid.shape
    fine = stretch(field, shape)
    grey, white, t1, depth, ventricle = look_up(atlas, fine)
    inside_ventricle = torch.sigmoid(-2 * ventricle)
    fluid = (1 - grey - white).clamp_(min=0).mul_(draw.uniform(1.0, 2.2))
    if draw.chance(0.5):
        folds = (
            draw.noise(shape, max(1.5, draw.uniform(4, 7) / grid.spacing_mm))[0].sub_(draw.uniform(0.6, 1.2)).relu_()
        )
        fluid += folds.mul_(torch.exp(depth.clamp(min=0) / -draw.uniform(5, 12))).mul_(draw.uniform(0.2, 1.0))
    fluid = torch.maximum(fluid, inside_ventricle)
    shares = torch.stack((grey, white, fluid)).clamp_(min=1e-4).pow_(draw.uniform(1.0, 2.2))
    grey, white, fluid = shares.div_(shares.sum(0))
    lateral, height = fine[0] - atlas.middle_mm[0], fine[2] - atlas.middle_mm[2]
    return Anatomy(grey, white, fluid, t1, depth, ventricle, inside_ventricle, lateral, height)
