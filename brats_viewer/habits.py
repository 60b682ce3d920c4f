"""What mouse and keys do in the views: one table for the views' own descriptions and for the help of keys."""

from collections.abc import Iterable

from brats_viewer.display import Mouse

Habit = tuple[str, str]
"""What a person does, and what comes of it."""

_LEVELS, _ZOOM = "contrast sideways, brightness up and down", "zoom up and down"
_MAXIMISE: Habit = ("Double click, Return", "give this view all the room, or back")

SURFACE_HABITS: tuple[Habit, ...] = (
    ("Left button", "turn"),
    ("Middle button", "pan"),
    ("Wheel, Plus, Minus", "zoom"),
    ("Arrows", "turn by 10°, with Shift by 45°"),
    ("Home", "from the front again"),
    _MAXIMISE,
)


def slice_habits(mouse: Mouse) -> tuple[Habit, ...]:
    """In the slice views, where the right button is as `mouse` says."""
    alone, with_ctrl = (_ZOOM, _LEVELS) if mouse is Mouse.ZOOM else (_LEVELS, _ZOOM)
    return (
        ("Left button", "move the crosshair"),
        ("Middle button", "pan"),
        ("Right button", alone),
        ("Ctrl+Right button", with_ctrl),
        ("Wheel, Page up/down", "change the slice"),
        ("Ctrl+Wheel", "zoom at the mouse"),
        ("Plus, Minus", "zoom at the crosshair"),
        ("Arrows", "move the crosshair by a voxel, with Shift by five"),
        _MAXIMISE,
    )


def described(habits: Iterable[Habit]) -> str:
    """Habits in sentences.

    >>> described((("Home", "from the front again"), ("Wheel", "zoom")))
    'Home: from the front again. Wheel: zoom.'
    """
    return " ".join(f"{gesture}: {meaning}." for gesture, meaning in habits)
