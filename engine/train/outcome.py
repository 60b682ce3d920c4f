"""What comes of a training: its models, the table of its validation cases, and a card that says how it was made."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.data import CaseFiles, Modality, Region, load_case
from engine.data.atomic import write_atomically
from engine.errors import TrainingError
from engine.model import ModelCard, read_card
from engine.model.bundle import load_network, save_bundle
from engine.model.card import CARD_FILE
from engine.predict import segment
from engine.progress import Work
from engine.runs.curves import CURVES_FILE, draw_curves
from engine.runs.folder import BEST_FOLDER, MODEL_FOLDER
from engine.runs.log import Validation
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage
from engine.runs.table import Table, write_table
from engine.score.cohort import AVERAGE, spread
from engine.score.score import score
from engine.train.examples import Examples
from engine.train.publish import install, publish
from engine.train.run import Run
from engine.train.trainer import Trainer

MOST_ET_ML = 1.0
"""A threshold on the volume of ET is looked for up to here: beyond, it would drop tumours that anybody sees."""


@dataclass(frozen=True, slots=True)
class ValidationScore:
    """A validation case on its own grid: Dice of each region, and the enhancing volumes predicted and true in ml."""

    case: str
    dice: Mapping[Region, float]
    et_ml: float
    true_et_ml: float

    def with_threshold(self, min_et_ml: float) -> Mapping[Region, float]:
        """The Dice if less ET than that in total becomes necrotic core, which is of TC and WT as well.

        >>> score = ValidationScore("a", {Region.ET: 0.0, Region.TC: 0.9, Region.WT: 0.9}, et_ml=0.1, true_et_ml=0.0)
        >>> score.with_threshold(0.05)[Region.ET], score.with_threshold(0.2)[Region.ET]
        (0.0, 1.0)
        """
        if not 0 < self.et_ml < min_et_ml:
            return self.dice
        return {**self.dice, Region.ET: 0.0 if self.true_et_ml > 0 else 1.0}


def best_min_et_ml(scores: Sequence[ValidationScore]) -> float:
    """The volume below which ET is to become necrotic core, in ml, so that the mean Dice of ET is highest.

    Tried are the middles between the predicted volumes of two cases, up to `MOST_ET_ML`; the smallest of equals is
    taken and 0 if none is better. The idea is nnU-Net's (arXiv:2011.00848).
    """
    volumes = sorted({score.et_ml for score in scores if 0 < score.et_ml <= MOST_ET_ML})
    tried = [0.0, *((one + other) / 2 for one, other in pairwise([*volumes, MOST_ET_ML]))]
    return max(tried, key=lambda level: (sum(score.with_threshold(level)[Region.ET] for score in scores), -level))


def conclude(run: Run, trainer: Trainer, examples: Examples) -> Work[str | None]:
    """Publish the models, score the one that is kept, and install it where that is asked for; returns a line on it.

    The best validation's model is kept, or the end's where there was no validation. None if it was told to stop before
    all is scored; it begins anew when the run is resumed.
    """
    facts = facts_of(run, trainer, examples)
    title, description = f"{run.folder.name}, {trainer.config.spacing_mm:g} mm", _description(run, trainer, examples)
    end = run.folder / MODEL_FOLDER
    publish(end, trainer.config, trainer.average, title=title, description=description, training=facts)
    kept = run.folder / BEST_FOLDER if (run.folder / BEST_FOLDER / CARD_FILE).exists() else end
    card = read_card(kept)
    training = facts | {"steps": card.training.get("steps", trainer.step)}
    card = replace(card, title=title, description=description, training=training, min_et_ml=0.0)
    card = _rewrite(kept, replace(card, scores=_own_scores(run), limits=_limits(trainer.config, examples)))
    message = ""
    if examples.held_out:
        scores = yield from _scored(run, trainer, examples, kept)
        if scores is None:
            return None
        card = _rewrite(kept, _with_scores(card, scores, trainer, run.folder))
        mean = card.scores["validation"]["dice"][AVERAGE]["mean"]
        cases = "1 validation case" if len(scores) == 1 else f"{len(scores)} validation cases"
        message = f"mean Dice {mean:.3f} on {cases}"
    write_atomically({run.folder / CURVES_FILE: draw_curves(run.journal.records())})
    if run.source.install:
        message = "; ".join(filter(None, (message, f"installed as {install(kept, run.folder.name).name}")))
    return message


def kept_card(folder: Path) -> ModelCard:
    """The card of the model that the finished run in `folder` keeps."""
    best = folder / BEST_FOLDER
    return read_card(best if (best / CARD_FILE).exists() else folder / MODEL_FOLDER)


def facts_of(run: Run, trainer: Trainer, examples: Examples) -> dict[str, Any]:
    """What a card says of a training so far."""
    source = run.source
    return {
        "data": str(source.dataset) if source.dataset else "synthetic cases only (engine.synth)",
        "cases": dict(examples.parts),
        "init": source.init,
        "device": str(trainer.device),
        "processes": run.processes.count,
        "micro_batch": trainer.micro_batch,
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600, 2),
        "versions": dict(source.versions),
        "settings": asdict(trainer.config),
    }


def _description(run: Run, trainer: Trainer, examples: Examples) -> str:
    cases = examples.parts.get("training")
    data = f"{cases} cases of {run.source.dataset.name}" if cases and run.source.dataset else "synthetic cases"
    begun = f", from the model {Path(run.source.init).name}" if run.source.init else ""
    return f"Trained for {trainer.step} steps on {data}{begun}."


def _limits(config: TrainConfig, examples: Examples) -> tuple[str, ...]:
    if not examples.held_out:
        return ("Its scores are on synthetic cases and say nothing about patients.",)
    chosen = ["the step that is kept"] * config.keep_best
    chosen += ["the volume below which ET becomes necrotic core"] * config.tune_et
    if not chosen:
        return ()
    was = "were" if len(chosen) > 1 else "was"
    return (
        f"On the validation cases {' and '.join(chosen)} {was} chosen, so their scores flatter it; evaluate it on the "
        "test part of its split.",
    )


def _own_scores(run: Run) -> dict[str, Any]:
    """The best validation on the way."""
    best = [record for record in run.journal.records() if isinstance(record, Validation) and record.best]
    if not best:
        return {}
    return {"while training": {"step": best[-1].step, "dice": {str(r): round(v, 4) for r, v in best[-1].dice.items()}}}


def _rewrite(folder: Path, card: ModelCard) -> ModelCard:
    """The same weights under a new card."""
    return save_bundle(folder, card, dict(load_network(read_card(folder)).state_dict()))


def _scored(run: Run, trainer: Trainer, examples: Examples, model: Path) -> Work[list[ValidationScore] | None]:
    """Every validation case, segmented as a person would and scored on its own grid; None if told to stop before."""
    scores: list[ValidationScore] = []
    for files in examples.held_out:
        work = _segmented(files, trainer.config.modalities, model, str(trainer.device), trainer.config.tta)
        with closing(work):
            while True:
                yield run.tell(Stage.VALIDATING, len(scores), len(examples.held_out), "scoring the validation cases")
                if run.asked() is Command.STOP:
                    return None
                try:
                    next(work)
                except StopIteration as stop:
                    scores.append(stop.value)
                    break
    return scores


def _segmented(
    files: CaseFiles, modalities: Sequence[Modality], model: Path, device: str, tta: str
) -> Work[ValidationScore]:
    used = {modality: files.images[modality] for modality in modalities if modality in files.images}
    case = yield from load_case(replace(files, images=used))
    if case.truth is None:
        raise TrainingError(f"{files.folder}: the truth of {files.id} is gone; put it back, and resume the run")
    segmentation = yield from segment(case, model=str(model), device=device, tta=tta)
    scores = score(segmentation.labels, case.truth)
    return ValidationScore(
        case=files.id,
        dice={region: scores[region].dice for region in Region},
        et_ml=scores[Region.ET].prediction_ml,
        true_et_ml=scores[Region.ET].truth_ml,
    )


def _with_scores(card: ModelCard, scores: Sequence[ValidationScore], trainer: Trainer, folder: Path) -> ModelCard:
    """The card with the threshold on ET and what the validation cases come to with it; the table has each case."""
    level = round(best_min_et_ml(scores), 4) if trainer.config.tune_et else 0.0
    table: Table = {score.case: score.with_threshold(level) for score in scores}
    write_table(folder, table)
    columns = {region.value: [dice[region] for dice in table.values()] for region in Region}
    columns[AVERAGE] = [sum(dice.values()) / len(dice) for dice in table.values()]
    dice = {
        name: {key: _rounded(value) for key, value in asdict(spread(values)).items()}
        for name, values in columns.items()
    }
    validation = {"cases": len(scores), "grid": "native", "tta": trainer.config.tta, "dice": dice}
    return replace(card, min_et_ml=level, scores={**card.scores, "validation": validation})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
