"""Two processes that train as one: what each may do, and that they end where one process does."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from engine.errors import TrainingError
from engine.runs.folder import Source, create
from engine.runs.settings import TrainConfig
from engine.runs.state import Stage, read_state
from engine.train import checkpoint
from engine.train.distributed import ALONE, Processes
from engine.train.run import Run
from engine.train.trainer import Trainer
from tests.benchmarks.kills import at_stage
from tests.engine.train.runs import CPU, log_of, trained

CONFIG = TrainConfig(
    steps=10,
    batch=4,
    shape=(16, 16, 16),
    patch=(16, 16, 16),
    spacing_mm=8.0,
    width=4,
    depth=2,
    norm="group",
    batch_dice=True,
    focal_gamma=2.0,
    deep_supervision=1,
    learning_rate=1e-3,
    warm_up=0.2,
    ema=0.9,
    precision="float32",
    checkpoint_every=2,
    validate_every=4,
    validation_cases=1,
)
PATIENCE_S = 400


def test_a_batch_must_be_shared_equally_and_no_norm_may_look_at_it():
    Processes(0, 2).check(CONFIG)
    with pytest.raises(TrainingError, match="batch 4 cannot be shared by 3 processes; make it a multiple"):
        Processes(0, 3).check(CONFIG)
    with pytest.raises(TrainingError, match="norm 'batch'"):
        Processes(0, 2).check(TrainConfig(norm="batch", batch=4))
    ALONE.check(TrainConfig(norm="batch", batch=1))


def test_one_process_waits_for_nobody_and_sums_over_itself():
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    assert ALONE.sum(values) is values
    assert ALONE.told([1.0, 2.5], CPU) == [1.0, 2.5]
    ALONE.wait()


def test_the_second_process_writes_nothing(tmp_path: Path):
    create(tmp_path, CONFIG, Source(device="cpu"))
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    run = Run(tmp_path, Processes(1, 2))
    trainer = Trainer(run.config, CPU, run.processes)
    run.tell(Stage.STARTING)
    assert not run.begin(trainer)
    trainer.step = 10
    trainer.remarks.append("memory ran out")
    run.stepped(trainer)
    run.remark("something")
    run.save(trainer)
    run.stopped(trainer)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def pair(arguments: list[str], folder: Path) -> list[subprocess.Popen[bytes]]:
    """Two processes as `torchrun` starts them; what they print is in the folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "engine", "train", *arguments, "--quiet"]
    started = []
    for rank in range(2):
        with (folder / f"printed-{rank}").open("ab") as printed:
            environment = os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            started.append(subprocess.Popen(command, env=environment, stdout=printed, stderr=printed))
    return started


@pytest.mark.timeout(900)
def test_two_processes_that_were_killed_and_resumed_end_where_one_does(cases: Path, tmp_path: Path):
    (tmp_path / "config.json").write_text(CONFIG.to_json(), encoding="utf-8")
    run = tmp_path / "two"
    begin = [str(cases), "-o", str(run), "--config", str(tmp_path / "config.json"), "--init", "none", "--device", "cpu"]
    both = pair(begin, tmp_path)
    try:
        while not at_stage(Stage.VALIDATING)(run):
            time.sleep(0.005)  # nothing but the file tells
            assert all(process.poll() is None for process in both), (tmp_path / "printed-0").read_text(encoding="utf-8")
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert checkpoint.load(run)[0]["step"] == 4
    both = pair(["-o", str(run), "--resume"], tmp_path)
    try:
        assert [process.wait(PATIENCE_S) for process in both] == [0, 0], [
            (tmp_path / f"printed-{rank}").read_text(encoding="utf-8") for rank in range(2)
        ]
    finally:
        for process in both:
            process.kill()
    assert read_state(run).stage is Stage.FINISHED
    alone = trained(tmp_path / "one", CONFIG, Source(dataset=cases, device="cpu"))
    state, _ = checkpoint.load(run)
    for name, value in alone.average.items():
        torch.testing.assert_close(state["average"][name], value, rtol=1e-3, atol=1e-5)
    for line, other in zip(log_of(run), log_of(tmp_path / "one"), strict=True):
        assert line.keys() == other.keys()
        assert line["step"] == other["step"]
        if "loss" in line:
            assert line["loss"] == pytest.approx(other["loss"], rel=1e-4)
    card = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))
    assert card["training"]["processes"] == 2
