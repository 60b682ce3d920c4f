"""What the window knows of the engine's part that runs in another process, which it must not import.

The functions by name, the shape of what they return, and the words for what they take.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from engine.data import Modality
from engine.progress import Work

SEGMENT = "engine.predict:segment"
KEEP = "engine.predict.kept:keep"
SEGMENT_KEPT = "engine.predict.kept:segment_kept"
DEVICES = "engine.predict:devices"
MODELS = "engine.model:list_models"

AUTO_DEVICE = "auto"
"""The device that the engine takes for the fastest one."""

TTA_TITLES: Mapping[str, str] = MappingProxyType(
    {"none": "Off", "flips": "Eight mirror images", "reference": "Eight flipped corner windows"}
)
"""Test-time augmentation: the engine's schemes by name, in words."""


class Isolated(Protocol):
    """What the session needs of `engine.isolate.Worker`."""

    def run(self, function: str, /, *args: Any, **kwargs: Any) -> Work[Any]:
        """Run `"module:function"` in the other process; its reports, its result and its errors arrive here."""

    def rest(self) -> None:
        """End the process while it is idle; the next work starts another."""

    def close(self) -> None:
        """End the process for good."""


class RunIsolated(Protocol):
    """Runs `"module:function"` in the engine's process."""

    def __call__(self, function: str, /, *arguments: Any, **options: Any) -> Work[Any]:
        """The work; its reports, its result and its errors arrive here."""


class Model(Protocol):
    """What the window shows of a model's card: the names are the card's own."""

    @property
    def name(self) -> str:
        """By which the engine knows it."""

    @property
    def title(self) -> str:
        """By which people know it."""

    @property
    def description(self) -> str:
        """What it is, in a sentence."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The images that it was trained on."""

    @property
    def optional(self) -> tuple[Modality, ...]:
        """Those among them that a case may lack."""

    @property
    def sha256(self) -> str:
        """Of its weights: what it is, whatever it is called."""

    @property
    def limits(self) -> tuple[str, ...]:
        """What it is not good for."""


class Device(Protocol):
    """What the window shows of a computing device."""

    @property
    def name(self) -> str:
        """By which the engine knows it."""

    @property
    def title(self) -> str:
        """By which people know it."""
