"""The Dice of every validation case with the model that a run keeps: its result, as a CSV file that people open."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from engine.data import Region
from engine.data.atomic import write_atomically

TABLE_FILE = "validation.csv"
_COLUMNS = ("case", *(region.value for region in Region), "average")
_DIGITS = 6

Table = Mapping[str, Mapping[Region, float]]
"""Of each case, by its id, the Dice in [0, 1] of each region."""


def write_table(folder: Path, table: Table) -> None:
    """Put the table in place of the one in the run's folder. Raises ImageFileError where the disk does not take it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for case, dice in table.items():
        values = [dice[region] for region in Region]
        writer.writerow([case, *(round(value, _DIGITS) for value in (*values, sum(values) / len(values)))])
    write_atomically({folder / TABLE_FILE: text.getvalue().encode()})


def read_table(folder: Path) -> dict[str, dict[Region, float]]:
    """The table of the run in `folder`; empty where there is none that can be read."""
    try:
        with (folder / TABLE_FILE).open(encoding="utf-8", newline="") as file:
            return {
                row["case"]: {region: float(row[region.value]) for region in Region} for row in csv.DictReader(file)
            }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
