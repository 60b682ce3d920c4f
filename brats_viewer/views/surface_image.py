"""Surfaces as pixels without a graphics card: turned, sampled into a depth buffer, lit, and laid one over the other.

Quadrilaterals of a few pixels are not filled but sampled, more finely than the pixels are wide, as micropolygons are
(Cook, Carpenter and Catmull, "The Reyes image rendering architecture", SIGGRAPH 1987): numpy does that for all at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from brats_viewer.display import Colour
from brats_viewer.views.surfaces import Surface

SAMPLE_PX = 0.7
"""Samples no further apart than this leave no pixel of a surface out, however it lies: half a pixel's diagonal."""
DEPTH_UNITS_PER_MM = 1000.0
QUAD_BITS, PART_BITS = 24, 7
"""A sample is one number: from the left its depth, its quad, and where it lies in that, in parts across and along."""
AWAY = -0.3
"""A quad whose normals all point further away is hidden by others, even if it is a little askew."""
NOTHING = np.iinfo(np.int64).min

LAMP = (-0.42, 0.55, 0.72)
"""Towards the light: right, up, and towards the viewer, whose left shoulder it is over."""
AMBIENT, DIFFUSE, SPECULAR, SHININESS = 0.35, 0.75, 0.35, 28.0
NEAR_LIGHT, FADE_PER_MM, FAR_LIGHT = 0.92, 0.0018, 0.5
"""What lies deeper is darker: how light the middle is, how fast that falls, and where it ends."""
TABLE_SIZE = 128


@dataclass(frozen=True, slots=True)
class Orbit:
    """Where the viewer is: 0, 0 is in front of the patient; azimuth goes to the patient's right, elevation up."""

    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0

    @property
    def rotation(self) -> NDArray[np.float32]:
        """What is to the right on the screen, up, and towards the viewer, as rows (3, 3) of world directions.

        >>> Orbit().rotation.round(6).tolist()  # the patient's left, superior, anterior
        [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
        """
        azimuth, elevation = np.radians(self.azimuth_deg), np.radians(self.elevation_deg)
        level = np.array([np.sin(azimuth), np.cos(azimuth), 0.0])
        above = np.array([0.0, 0.0, 1.0])
        right = np.array([-np.cos(azimuth), np.sin(azimuth), 0.0])
        up = np.cos(elevation) * above - np.sin(elevation) * level
        towards = np.sin(elevation) * above + np.cos(elevation) * level
        return (np.stack([right, up, towards]) + 0.0).astype(np.float32)

    def turned(self, azimuth_deg: float, elevation_deg: float) -> "Orbit":
        """The viewer further around and up, at most above or below the patient.

        >>> Orbit(170.0, 80.0).turned(20.0, 20.0)
        Orbit(azimuth_deg=-170.0, elevation_deg=90.0)
        """
        azimuth = (self.azimuth_deg + azimuth_deg + 180.0) % 360.0 - 180.0
        return Orbit(azimuth, min(max(self.elevation_deg + elevation_deg, -90.0), 90.0))


@dataclass(frozen=True, slots=True)
class AxisEnd:
    """A side of the patient, and where on the unit sphere it lies for the viewer."""

    letter: str
    right: float
    up: float
    towards: float


def axis_ends(orbit: Orbit) -> list[AxisEnd]:
    """The six sides of the patient, that which is nearest to the viewer last.

    >>> [end.letter for end in (axis_ends(Orbit())[-1], axis_ends(Orbit(90.0))[-1], axis_ends(Orbit(0.0, 90.0))[-1])]
    ['A', 'R', 'S']
    """
    ends = []
    for letters, direction in zip(("LR", "PA", "IS"), orbit.rotation.T, strict=True):
        for letter, sign in zip(letters, (-1.0, 1.0), strict=True):
            right, up, towards = (sign * float(value) for value in direction)
            ends.append(AxisEnd(letter, right, up, towards))
    return sorted(ends, key=lambda end: end.towards)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A parallel projection of world mm to pixels: `centre_mm` (3,) appears at `middle_px` (x, y from the top left)."""

    rotation: NDArray[np.float32]
    centre_mm: NDArray[np.float32]
    pixels_per_mm: float
    middle_px: tuple[float, float]

    def to_screen(self, points_mm: NDArray[np.float32]) -> NDArray[np.float32]:
        """For points (N, 3) the rows (3, N) float32: x to the right and y down in pixels, mm towards the viewer."""
        scaled = self.rotation * np.array([[self.pixels_per_mm], [-self.pixels_per_mm], [1.0]])
        shift = np.array([*self.middle_px, 0.0]) - scaled @ self.centre_mm
        screen: NDArray[np.float32] = scaled.astype(np.float32) @ points_mm.T + shift.astype(np.float32)[:, None]
        return screen


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface takes the light.

    `opacity` in [0, 1] is that of a part which faces the viewer; it grows to `rim_opacity` where the surface turns
    away, with the power `rim_power` of the way. Where surfaces coincide, that with the larger `lift_mm` is in front.
    """

    colour: Colour
    opacity: float
    rim_opacity: float
    rim_power: float = 2.0
    lift_mm: float = 0.0


Layer = tuple[Surface, Material]


def draw_surfaces(
    inner: Sequence[Layer], shell: Layer, projection: Projection, shape: tuple[int, int]
) -> NDArray[np.uint32]:
    """`inner` layers by their depth and `shell` in front of them, as premultiplied ARGB pixels of `shape` (H, W)."""
    picture = np.zeros((shape[0] * shape[1], 4), dtype=np.float32)
    for layer in _deepest_first([_nearest(layer, projection, shape) for layer in inner], len(picture)):
        _lay_over(picture, layer)
    _lay_over(picture, _nearest(shell, projection, shape))
    alpha, red, green, blue = np.minimum(picture.T[[3, 0, 1, 2]] * 255.0 + 0.5, 255.0).astype(np.uint32)
    pixels: NDArray[np.uint32] = (alpha << 24 | red << 16 | green << 8 | blue).reshape(shape)
    return pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Fragments:
    """What of a layer is nearest: `pixels` (N,) flat and unique, `depth` (N,) mm, premultiplied `rgba` (N, 4)."""

    pixels: NDArray[np.intp]
    depth: NDArray[np.float32]
    rgba: NDArray[np.float32]


def _lay_over(picture: NDArray[np.float32], layer: _Fragments) -> None:
    """Put a layer over `picture` (H * W, 4)."""
    behind = picture.take(layer.pixels, axis=0)
    picture[layer.pixels] = behind * (1.0 - layer.rgba[:, 3:]) + layer.rgba


def _deepest_first(layers: Sequence[_Fragments], size: int) -> Iterator[_Fragments]:
    """As many layers, over pictures of `size` pixels, that at each pixel have the depths of `layers` from the back."""
    covered = np.zeros(size, dtype=bool)
    for layer in layers:
        covered[layer.pixels] = True
    pixels, places = np.flatnonzero(covered), np.empty(size, dtype=np.intp)
    places[pixels] = np.arange(len(pixels))
    depth = np.full((len(layers), len(pixels)), -np.inf, dtype=np.float32)
    rows = np.zeros((len(layers), len(pixels)), dtype=np.intp)  # of all fragments; the first is clear
    rgba = np.concatenate([np.zeros((1, 4), dtype=np.float32), *(layer.rgba for layer in layers)])
    first = 1
    for number, layer in enumerate(layers):
        here = places[layer.pixels]
        depth[number, here] = layer.depth
        rows[number, here] = np.arange(first, first + len(here))
        first += len(here)
    order = np.argsort(depth, axis=0)
    for number in range(len(layers)):
        nth = order[number : number + 1]
        found = (np.take_along_axis(data, nth, axis=0)[0] for data in (depth, rows))
        yield _Fragments(pixels, next(found), rgba.take(next(found), axis=0))


def _nearest(layer: Layer, projection: Projection, shape: tuple[int, int]) -> _Fragments:
    """The part of a layer that nothing of the same layer hides; quads hide each other by the depth of their middles."""
    surface, material = layer
    margin = math.ceil(surface.quad_mm * projection.pixels_per_mm)  # holds each quad that crosses the picture's edge
    height, width = shape[0] + 2 * margin, shape[1] + 2 * margin
    screen = projection.to_screen(surface.vertices) + np.array([[margin], [margin], [0.0]], dtype=np.float32)
    buffer = np.full(height * width, NOTHING)
    turned = projection.rotation @ surface.normals.T
    quads = _seen(screen, turned[2], surface.quads, (height, width))
    depth = (screen[2].take(quads).mean(axis=0) * DEPTH_UNITS_PER_MM).astype(np.int64)
    keys = ((depth << QUAD_BITS) + np.arange(quads.shape[1])) << 2 * PART_BITS
    for numbers, corners, pattern in _divided(screen, quads):
        places = (pattern.weights @ corners.reshape(4, -1)).reshape(-1, 2, len(numbers)).astype(np.int32)  # (S, 2, K)
        samples = pattern.parts[:, None] + keys[numbers]  # (S, K)
        np.maximum.at(buffer, (places[:, 1] * width + places[:, 0]).ravel(), samples.ravel())
    winners = buffer.reshape(height, width)[margin : margin + shape[0], margin : margin + shape[1]].ravel()
    pixels = np.flatnonzero(winners != NOTHING)
    right, up, depth = _interpolated((turned[0], turned[1], screen[2]), quads, winners[pixels])
    return _Fragments(pixels, depth + np.float32(material.lift_mm), _lit(material, right, up, depth))


@dataclass(frozen=True, slots=True, eq=False)
class _Pattern:
    """Where a quad is sampled: the `weights` (S, 4) of its corners in each sample, and the sample's `parts` (S,)."""

    weights: NDArray[np.float32]
    parts: NDArray[np.int64]


@lru_cache(maxsize=256)
def _pattern(across: int, along: int) -> _Pattern:
    """Samples at the middles of `across` x `along` parts of a quad, named by where they lie in 128ths.

    >>> _pattern(2, 1).weights.tolist()
    [[0.375, 0.125, 0.125, 0.375], [0.125, 0.375, 0.375, 0.125]]
    """
    ways = [(np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count) for count in (across, along)]
    u, v = (way.ravel() for way in np.meshgrid(*ways))
    parts = ((u * (1 << PART_BITS)).astype(np.int64) << PART_BITS) + (v * (1 << PART_BITS)).astype(np.int64)
    return _Pattern(np.ascontiguousarray(_bilinear(u, v).T), parts)


def _bilinear(u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights (4, S) of a quad's corners, in their order around it, at u (S,) across and v (S,) along, in (0, 1)."""
    return np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])


def _seen(
    screen: NDArray[np.float32], towards: NDArray[np.float32], quads: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.intp]:
    """The quads (4, Q) that lie wholly on a picture of `shape` and may show their outside.

    `towards` (V,) is how far the vertices' normals point to the viewer, -1 to 1.
    """
    quads = quads.take(np.flatnonzero(towards.take(quads).max(axis=0) > AWAY), axis=1)
    inside = np.ones(quads.shape[1], dtype=bool)
    for places, size in zip(screen, (shape[1], shape[0]), strict=False):
        corners = places.take(quads)
        inside &= (corners.min(axis=0) >= 0) & (corners.max(axis=0) < size)
    return quads.take(np.flatnonzero(inside), axis=1)


def _divided(
    screen: NDArray[np.float32], quads: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32], _Pattern]]:
    """Numbers (K,) of quads of one size on the screen (3, V), their corners (4, 2, K) there, and how to sample them."""
    corners = np.stack([screen[0].take(quads), screen[1].take(quads)], axis=1)  # (4, 2, Q)
    sides = (corners[[1, 2, 2, 3]] - corners[[0, 3, 1, 0]]) ** 2
    lengths = np.sqrt(sides.sum(axis=1).reshape(2, 2, -1).max(axis=1))
    across, along = np.maximum(np.ceil(lengths / SAMPLE_PX), 1.0).astype(np.int64)
    sizes = across * (along.max(initial=0) + 1) + along
    sizes = sizes.astype(np.min_scalar_type(sizes.max(initial=0)))  # 16 bits, where they do, are sorted in no time
    order = np.argsort(sizes, kind="stable")
    for numbers in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        if numbers.size:
            pattern = _pattern(int(across[numbers[0]]), int(along[numbers[0]]))
            yield numbers, corners.take(numbers, axis=2), pattern


def _interpolated(
    values: Sequence[NDArray[np.float32]], quads: NDArray[np.intp], keys: NDArray[np.int64]
) -> list[NDArray[np.float32]]:
    """Each of `values` (V,) of the vertices at samples (N,) of the quads (4, Q)."""
    along = keys & (1 << PART_BITS) - 1
    across = keys >> PART_BITS & (1 << PART_BITS) - 1
    corners = quads.take(keys >> 2 * PART_BITS & (1 << QUAD_BITS) - 1, axis=1)
    scale, half = np.float32(1 / (1 << PART_BITS)), np.float32(0.5)
    weights = _bilinear((across + half) * scale, (along + half) * scale)
    return [
        sum(weight * value.take(corner) for weight, corner in zip(weights, corners, strict=True)) for value in values
    ]


def _lit(
    material: Material, right: NDArray[np.float32], up: NDArray[np.float32], depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Premultiplied RGBA (N, 4) where the normals point to the right and up by -1 to 1, `depth` (N,) mm."""
    column, row = (((way + 1.0) * (0.5 * (TABLE_SIZE - 1)) + 0.5).astype(np.intp) for way in (right, up))
    rgba = _light_table(material).take(row * TABLE_SIZE + column, axis=0)
    rgba[:, :3] *= np.clip(NEAR_LIGHT + FADE_PER_MM * depth, FAR_LIGHT, 1.0)[:, None]
    return rgba


@lru_cache(maxsize=16)
def _light_table(material: Material) -> NDArray[np.float32]:
    """Premultiplied RGBA for normals that point to the right (columns) and up (rows) by -1 to 1, flat.

    With one far lamp and a far viewer the light depends on the normal alone. Lambert's diffuse
    and Blinn's specular reflection (Blinn, SIGGRAPH 1977).
    """
    along = np.linspace(-1.0, 1.0, TABLE_SIZE)
    right, up = np.meshgrid(along, along)
    towards = np.sqrt(np.maximum(1.0 - right**2 - up**2, 0.0))
    normals = np.stack([right, up, towards], axis=-1).reshape(-1, 3)
    lamp = np.array(LAMP) / np.linalg.norm(LAMP)
    halfway = lamp + np.array((0.0, 0.0, 1.0))
    halfway /= np.linalg.norm(halfway)
    away = (1.0 - normals[:, 2:]) ** material.rim_power
    alpha = material.opacity + (material.rim_opacity - material.opacity) * away
    gloss = SPECULAR * np.maximum(normals @ halfway, 0.0)[:, None] ** SHININESS * np.sqrt(alpha)
    diffuse = np.minimum(AMBIENT + DIFFUSE * np.maximum(normals @ lamp, 0.0), 1.0)[:, None]
    alpha = np.minimum(alpha + gloss, 1.0)
    colour = np.minimum(np.array(material.colour) / 255.0 * diffuse * alpha + gloss, alpha)
    return np.concatenate([colour, alpha], axis=1).astype(np.float32)
