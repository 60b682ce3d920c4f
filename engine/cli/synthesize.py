"""`brats-engine synthesize`: synthetic cases in the layout of BraTS."""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from engine import RESEARCH_USE, __version__
from engine.cli.console import watch
from engine.data import find_case
from engine.errors import CaseError
from engine.predict.device import AUTO, choose_device
from engine.synth.layout import LAYOUTS
from engine.synth.scaling import SCALINGS

if TYPE_CHECKING:
    import torch

    from engine.synth.synthesize import Recipe, Synthesized


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "synthesize",
        parents=[shared],
        help="make synthetic cases with their truth",
        description="Make cases of patients who do not exist, 240 x 240 x 155 voxels of 1 mm with their truth, named "
        "and laid out as BraTS does it. A run that was stopped goes on when it is repeated, and a larger N adds cases.",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="a new or empty folder, or one to go on with")
    parser.add_argument("--cases", type=int, required=True, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other cases (default: %(default)s)")
    parser.add_argument("--layout", choices=tuple(LAYOUTS), default="brats2020", help="default: %(default)s")
    defaults = ", ".join(layout.prefix for layout in LAYOUTS.values())
    parser.add_argument("--prefix", metavar="TEXT", help=f"what the cases' names begin with (default: {defaults})")
    parser.add_argument(
        "--scaling",
        choices=tuple(SCALINGS),
        default="brats",
        help="brats: integers from 0, the background; any: each case in one of the ways that images are scaled in the "
        "wild, negative numbers among them (default: %(default)s)",
    )
    parser.add_argument(
        "--preview",
        type=Path,
        metavar="PNG",
        help="draw the first twelve cases into one picture; without -o, the cases themselves are not kept",
    )
    parser.add_argument("--device", default=AUTO, metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Make the cases asked for."""
    from engine.synth.synthesize import Recipe

    layout = LAYOUTS[options.layout]
    prefix = layout.prefix if options.prefix is None else options.prefix
    recipe = Recipe(options.seed, layout, prefix, scaling=options.scaling)
    _check_targets(options)
    device = choose_device(options.device)
    begun = perf_counter()
    if options.output is None:
        with TemporaryDirectory(prefix="brats-engine-") as folder:
            cases = _make(Path(folder), recipe, device, options)
    else:
        cases = _make(options.output, recipe, device, options)
    result = {
        "folder": options.output and str(options.output),
        "cases": list(cases.ids),
        "made": cases.made,
        "seed": recipe.seed,
        "layout": layout.name,
        "scaling": recipe.scaling,
        "device": str(device),
        "version": __version__,
        "preview": options.preview and str(options.preview),
        "seconds": round(perf_counter() - begun, 1),
        "notice": RESEARCH_USE,
    }
    print(json.dumps(result, indent=2) if options.json else _summary(result))


def _make(folder: Path, recipe: "Recipe", device: "torch.device", options: argparse.Namespace) -> "Synthesized":
    from engine.synth.preview import MOST_CASES, draw_preview
    from engine.synth.synthesize import synthesize

    count = options.cases if options.output is not None else min(options.cases, MOST_CASES)
    cases = watch(synthesize(folder, count, recipe, device), quiet=options.quiet)
    there = len(cases.ids) - cases.made
    if there and not options.quiet:
        print(f"{there} of the {len(cases.ids)} cases were there already", file=sys.stderr)
    if options.preview is not None:
        found = [find_case(folder / case_id) for case_id in cases.ids[:MOST_CASES]]
        watch(draw_preview(found, options.preview), quiet=options.quiet)
    return cases


def _check_targets(options: argparse.Namespace) -> None:
    """Raise CaseError if there is nowhere to write to, before any case is made."""
    if options.preview is None:
        if options.output is None:
            raise CaseError("say where to write the cases with -o DIR, or look at some with --preview PNG")
        return
    from engine.synth.preview import check_preview

    folder = options.preview.absolute().parent
    if not folder.is_dir() and (options.output is None or folder != options.output.absolute()):
        raise CaseError(f"{folder}: no such folder to write the preview to; make it, or choose another")
    check_preview(options.preview)


def _summary(result: dict[str, Any]) -> str:
    where = result["folder"] or result["preview"]
    pace = f"{result['made']} made in {result['seconds']:.1f} s on {result['device']}"
    return f"{where}: {len(result['cases'])} synthetic cases, {pace}; seed {result['seed']}, {result['layout']}"
