"""`brats-engine segment`: from a case's files to a mask and its provenance, and a map of uncertainty if asked for."""

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.cli import segment_folder
from engine.cli.console import watch
from engine.data import (
    CONVENTIONS,
    CaseFiles,
    ImageSource,
    Modality,
    find_case,
    is_prediction,
    load_case,
    output_convention,
    save_segmentation,
)
from engine.data.save import check_targets
from engine.errors import CaseError
from engine.model import DEFAULT_MODEL, find_model
from engine.predict import AUTO, BACKENDS, TTA_SCHEMES, segment
from engine.predict.cohort import volumes_ml

_log = logging.getLogger(__name__)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "segment",
        parents=[shared],
        help="predict the tumour's labels of a case",
        description="Predict the tumour's labels of a case: a mask on the case's own grid and, beside it, a JSON that "
        "says how it was made. Of a folder of many cases: the masks of all, in the folder that -o names, and a table "
        "of their volumes; run again, it goes on where it was stopped. "
        "Exit status: 0 where there is a mask (cases that failed are named on stderr), 2 where there is none.",
    )
    parser.add_argument(
        "case", type=Path, metavar="CASE", help="the case's folder, or one of its files; or a folder of many cases"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.nii.gz|DIR",
        help="default: CASE/<id>_prediction.nii.gz; of many cases the folder of their masks, <id>.nii.gz",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files even if this program did not write them"
    )
    parser.add_argument(
        "--uncertainty",
        type=Path,
        metavar="FILE",
        help="write the network's uncertainty here as well, in bits: 0 where it is sure, 1 where it cannot tell",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|FOLDER", help="see `models list` (%(default)s)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.add_argument(
        "--backend",
        choices=(AUTO, *BACKENDS),
        default=AUTO,
        help="what computes; auto, the default, is the fastest that gives the same as torch, found out once",
    )
    parser.add_argument(
        "--tta",
        choices=TTA_SCHEMES,
        default="flips",
        help="test-time augmentation: the mean of all eight mirrorings (flips, the default), the reference system's "
        "eight randomly mirrored corner chunks (reference), or none",
    )
    parser.add_argument("--labels", choices=tuple(CONVENTIONS), help="write labels so; default: as the input is named")
    parser.add_argument("--resample", action="store_true", help="bring images that lie on different grids to one")
    for modality in Modality:
        parser.add_argument(
            f"--{modality.lower()}",
            type=_image_source,
            metavar="FILE[:N]",
            help=f"take this file (of a 4D file volume N, from 0) as {modality.display_name}",
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Segment one case, with nothing written if EngineError is raised, or those of a folder."""
    find_model(options.model)  # a wrong name is told before files are read
    assigned = _assigned(options)
    if assigned is None and (found := segment_folder.cases_in(options.case, options.output)) is not None:
        segment_folder.run(found, options)
        return
    files = find_case(options.case, assigned)
    target = options.output or files.folder / f"{files.id}_prediction.nii.gz"
    for path in (target,) if options.uncertainty is None else (target, options.uncertainty):
        _check_target(path, overwrite=options.overwrite)
    check_targets(files, target, options.uncertainty)
    _tell(_mapping_lines(files), quiet=options.quiet)
    case = watch(load_case(files, truth=False, resample=options.resample), quiet=options.quiet)
    _tell(case.warnings, quiet=options.quiet)
    unsure = options.json or options.uncertainty is not None
    work = segment(
        case,
        model=options.model,
        device=options.device,
        backend=options.backend,
        tta=options.tta,
        uncertainty=unsure,
    )
    segmentation = watch(work, quiet=options.quiet)
    _tell(segmentation.notes, quiet=options.quiet)
    convention = CONVENTIONS[options.labels] if options.labels else output_convention(files)
    mask, provenance = save_segmentation(target, segmentation, case, convention, options.uncertainty)
    result = {
        "case": case.id,
        "mask": str(mask),
        "provenance": str(provenance),
        "uncertainty": str(options.uncertainty) if options.uncertainty else None,
        "labels": convention.name,
        "volumes_ml": {str(region): volume for region, volume in volumes_ml(segmentation.labels).items()},
        "confidence": dict(segmentation.uncertainty.confidence) if segmentation.uncertainty else None,
        "model": segmentation.model,
        "model_sha256": segmentation.model_sha256,
        "device": segmentation.device,
        "backend": segmentation.backend,
        "tta": segmentation.tta,
        "seconds": segmentation.seconds,
        "inputs": {str(modality): str(source) for modality, source in files.images.items()},
        "warnings": [*case.warnings, *segmentation.notes],
    }
    print(json.dumps(result, indent=2) if options.json else _summary(result))


def _summary(result: dict[str, Any]) -> str:
    volumes = ", ".join(f"{region} {volume:.1f} ml" for region, volume in result["volumes_ml"].items())
    pace = f"{result['seconds']:.1f} s on {result['device']}"
    if result["backend"]:
        pace += f" with {result['backend']}"
    beside = f"; uncertainty in {result['uncertainty']}" if result["uncertainty"] else ""
    return f"{result['mask']}: {volumes}; labels of {CONVENTIONS[result['labels']].title}; {pace}{beside}"


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not target.name.endswith((".nii", ".nii.gz")):
        raise CaseError(f"{target}: is written as NIfTI; give a name that ends in .nii.gz or .nii")
    if not target.parent.is_dir():
        raise CaseError(f"{target.parent}: no such folder to write {target.name} to; make it, or choose another")
    if target.exists() and not overwrite and not is_prediction(target):
        raise CaseError(f"{target}: exists and is no prediction of this program; choose another name, or --overwrite")


def _assigned(options: argparse.Namespace) -> dict[Modality, ImageSource] | None:
    given = {modality: getattr(options, modality.lower()) for modality in Modality}
    return {modality: source for modality, source in given.items() if source} or None


def _image_source(text: str) -> ImageSource:
    path, colon, volume = text.rpartition(":")
    return ImageSource(Path(path), int(volume)) if colon and volume.isdecimal() else ImageSource(Path(text))


def _mapping_lines(files: CaseFiles) -> list[str]:
    """Which file became which modality, as lines for a person; the case's warnings name what could be meant."""
    lines = []
    for modality in Modality:
        if modality in files.images:
            found = str(files.images[modality])
        elif modality in files.ambiguous:
            found = f"not decided; say --{modality.lower()} FILE"
        else:
            found = "missing"
        lines.append(f"{modality.display_name}: {found}")
    return lines


def _tell(lines: Iterable[str], *, quiet: bool) -> None:
    for line in lines:
        _log.info("%s", line)
        if not quiet:
            print(line, file=sys.stderr)
