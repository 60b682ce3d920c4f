"""Modalities as a person names them on the command line."""

import argparse

from engine.data import Modality
from engine.data.naming import modality_named


def modalities(text: str) -> tuple[Modality, ...]:
    """Those that a list with commas names, in their usual order; for `argparse` as the type of an option."""
    named = {word: modality_named(word) for word in text.split(",")}
    unknown = [word for word, modality in named.items() if modality is None]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)!r}: choose from t1n, t1c, t2w, t2f, with commas between")
    return tuple(modality for modality in Modality if modality in named.values())
