"""Where the files that ship with the application are: the default model, the sample case, the icons, the notices."""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_resources"  # where a wheel puts them
_CHECKOUT = Path(__file__).parent.parent / "resources"


def resource(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. `resource("models", "default")`, in a wheel and in a checkout alike."""
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return root.joinpath(*parts)
