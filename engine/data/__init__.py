"""Cases on disk and in memory: labels, volumes, finding and reading files, writing masks."""

from engine.data.foreground import background_value, foreground

__all__ = ["background_value", "foreground"]
