"""Runs for the tests: begun, trained to their end, cut off as by `kill -9`."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from engine.progress import finish
from engine.runs.folder import LOG_FILE, Source, create
from engine.runs.settings import TrainConfig
from engine.train.loop import train
from engine.train.trainer import Trainer

CPU = torch.device("cpu")


def trained(folder: Path, config: TrainConfig, source: Source | None = None) -> Trainer:
    """The run in `folder`, made if there is none, trained to its end."""
    create(folder, config, source or Source(device="cpu"))
    return finish(train(folder, device=CPU))


def cut_off(folder: Path, config: TrainConfig, step: int, source: Source | None = None) -> Path:
    """A run as it lies on the disk when its process is killed after a step, before the next checkpoint is due."""
    running = folder.with_name(f"{folder.name} running")
    create(running, config, source or Source(device="cpu"))
    work = train(running, device=CPU)
    while next(work).done < step:
        pass
    shutil.copytree(running, folder)
    work.close()
    with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
        log.write('{"step": 99')  # a half-written line
    return folder


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The records of a run's log without their times."""
    lines = (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]
