"""A slice of one validation case, rewritten as the network learns: the picture that a person watches."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engine.data.atomic import write_atomically

PREVIEW_FILE = "preview.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """An axial slice, rows from anterior to posterior, columns from the patient's right to left.

    image: (rows, columns) uint8, the modality that shows the tumour best; truth, prediction: (rows, columns) uint8,
    values of `Label`; case: its id; step: of the training that predicted; dice of the whole case, mean of the regions.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    case: str
    step: int
    dice: float


def write_preview(folder: Path, preview: Preview) -> None:
    """Put a preview in place of the one in the run's folder. Raises OSError where the disk does not take it."""
    content = BytesIO()
    np.savez(
        content,
        image=preview.image,
        truth=preview.truth,
        prediction=preview.prediction,
        case=np.array(preview.case),
        step=np.array(preview.step),
        dice=np.array(preview.dice),
    )
    write_atomically({folder / PREVIEW_FILE: content.getvalue()})


def read_preview(folder: Path) -> Preview | None:
    """The preview in the run's folder, None if there is none that can be read."""
    try:
        content = BytesIO((folder / PREVIEW_FILE).read_bytes())  # numpy leaves a file open that is no archive
        with np.load(content, allow_pickle=False) as stored:
            return Preview(
                image=stored["image"],
                truth=stored["truth"],
                prediction=stored["prediction"],
                case=str(stored["case"]),
                step=int(stored["step"]),
                dice=float(stored["dice"]),
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        return None
