"""The curves of a run as a picture: loss and learning rate over the steps, Dice of each validation."""

from collections.abc import Sequence
from io import BytesIO

from engine.data import Region
from engine.runs.log import Point, Record, Validation

CURVES_FILE = "curves.png"
_COLOURS = {Region.ET: "#d9a400", Region.TC: "#c0392b", Region.WT: "#2e8b57"}  # of the labels that each adds


def draw_curves(records: Sequence[Record]) -> bytes:
    """A PNG of a log: above, the loss and the learning rate; below, the Dice per region with the best one marked.

    Nothing of matplotlib's global state is touched, so it may be drawn in any thread.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((8, 6))
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.09, right=0.88, bottom=0.09, top=0.97, hspace=0.08)  # a layout engine draws it twice
    above, below = figure.subplots(2, 1, sharex=True)
    points = [record for record in records if isinstance(record, Point)]
    above.plot([point.step for point in points], [point.loss for point in points], color="#34495e", linewidth=1)
    above.set_ylabel("loss")
    rate = above.twinx()
    rate.plot([point.step for point in points], [point.learning_rate for point in points], color="#999999", linewidth=1)
    rate.set_ylabel("learning rate", color="#999999")
    rate.set_ylim(bottom=0)
    rate.ticklabel_format(axis="y", scilimits=(0, 0))
    validations = [record for record in records if isinstance(record, Validation)]
    for region, colour in _COLOURS.items():
        dice = [record.dice[region] for record in validations]
        below.plot([record.step for record in validations], dice, color=colour, marker=".", label=region.value)
    best = [record for record in validations if record.best]
    if best:
        below.axvline(best[-1].step, color="#999999", linestyle=":", label=f"best: {best[-1].mean:.3f}")
        below.legend(loc="lower right")
    below.set(xlabel="step", ylabel="Dice of validation", ylim=(0, 1))
    below.grid(alpha=0.3)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()
