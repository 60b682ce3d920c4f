"""`brats-engine models`: which models there are, and what is known of one."""

import argparse
import json
import sys
from typing import Any

from engine import RESEARCH_USE
from engine.errors import EngineError
from engine.model import ModelCard, find_model, model_folders, read_card


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("models", help="list the models, or show one's card")
    actions = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = actions.add_parser("list", parents=[shared], help="the models that `segment --model` knows by name")
    listing.set_defaults(run=list_)
    show = actions.add_parser("show", parents=[shared], help="a model's card: data, scores, limits")
    show.add_argument("name", metavar="NAME|FOLDER")
    show.set_defaults(run=show_)


def list_(options: argparse.Namespace) -> None:
    """Print a line for each model; what is wrong with a damaged one goes to stderr."""
    cards: list[ModelCard] = []
    for folder in model_folders():
        try:
            cards.append(read_card(folder))
        except EngineError as error:
            print(error, file=sys.stderr)
    if options.json:
        rows = [{"name": card.name, "title": card.title, "folder": str(card.folder)} for card in cards]
        print(json.dumps(rows, indent=2))
        return
    for card in cards:
        print(f"{card.name:16} {card.title}  ({_names(card.modalities)})")


def show_(options: argparse.Namespace) -> None:
    """Print one model's card."""
    card = find_model(options.name)
    print(json.dumps(card.to_json(), indent=2) if options.json else _card(card))


def _card(card: ModelCard) -> str:
    optional = f" (may be missing: {_names(card.optional)})" if card.optional else ""
    spacing = " x ".join(f"{size:g}" for size in card.spacing_mm)
    regions = ", ".join(
        f"{region} at a probability above {level:g}"
        for region, level in zip(card.regions, card.thresholds, strict=True)
    )
    return "\n".join(
        (
            card.title,
            card.description,
            str(card.folder),
            "",
            f"images     {_names(card.modalities)}{optional}",
            f"regions    {regions}",
            f"ET rule    less than {card.min_et_ml:g} ml in total becomes necrotic core",
            *(
                ["core rule  oedema that the tumour core encloses within a plane becomes necrotic core"]
                * card.fill_core
            ),
            f"grid       {spacing} mm, windows of {' x '.join(map(str, card.window))} voxels",
            f"network    {', '.join(f'{name} {value}' for name, value in card.architecture.items())}",
            f"sha256     {card.sha256}",
            "",
            f"training   {json.dumps(card.training, indent=2)}",
            f"scores     {json.dumps(card.scores, indent=2)}",
            "",
            *(f"- {line}" for line in card.limits),
            "",
            RESEARCH_USE,
        )
    )


def _names(modalities: tuple[Any, ...]) -> str:
    return ", ".join(modality.display_name for modality in modalities)
