"""nnU-Net v2: its own fingerprint, plans, preprocessing, network, augmentation, loss, optimiser and inference.

What differs: the common patch and batch are put into its plans; its polynomial schedule goes by the clock, at every
step and not by epochs of 250; it does not validate on the way, and its last state is kept, as it is by default. Regions
as in its conversion of BraTS 2021. Its worker for the augmentation is not seeded, so no run can be repeated exactly.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.data import CONVENTIONS, CaseFiles, Label, LabelMap, Modality, load_case, read_labels, write_labels
from engine.data.atomic import write_atomically
from engine.model.unet import parameter_count
from engine.progress import finish
from tests.benchmarks.contenders.contest import Start, Tally, Trained
from tests.benchmarks.contenders.settings import BATCH, PATCH, Setup

PACKAGES = ("nnunetv2", "torch", "numpy")
INTEGERS = CONVENTIONS["decathlon"]
"""The integers that nnU-Net's conversion of BraTS gives the labels: 1 oedema, 2 necrotic core, 3 enhancing tumour."""

REGIONS: dict[str, Any] = {
    "background": 0,
    "whole tumor": sorted(value for value, label in INTEGERS.values.items() if label != Label.BACKGROUND),
    "tumor core": sorted(value for value, label in INTEGERS.values.items() if label in (Label.NCR, Label.ET)),
    "enhancing tumor": [value for value, label in INTEGERS.values.items() if label == Label.ET],
}
_CONFIGURATION = "3d_fullres"
_NUMBER = 1
_DATASET = f"Dataset{_NUMBER:03d}_Synthetic"
_PLANS = "nnUNetPlans"


class NNUNet:
    """The default trainer with the default plans."""

    def train(self, setup: Setup, folder: Path, start: Start) -> Trained:
        """One worker process augments, of nnU-Net's own."""
        _set_paths(folder)
        _write_raw(setup, folder / "raw" / _DATASET)
        _plan_and_preprocess(folder / "preprocessed" / _DATASET, setup.split().training)
        from nnunetv2.run.run_training import get_trainer_from_args

        torch.manual_seed(setup.seed)
        np.random.seed(setup.seed)  # noqa: NPY002 - what its augmentation draws from
        trainer = get_trainer_from_args(_DATASET, _CONFIGURATION, 0, device=torch.device("cpu"))
        trainer.on_train_start()
        trainer.dataloader_val._finish()
        trainer.network.train()
        tally = Tally(start())
        while not tally.clock.over:
            trainer.lr_scheduler.step(tally.clock.fraction * trainer.num_epochs)
            tally.step(float(trainer.train_step(next(trainer.dataloader_train))["loss"]))
        trained = tally.trained("nnunet", setup, parameter_count(trainer.network), PACKAGES)
        trainer.current_epoch = trainer.num_epochs
        trainer.on_train_end()
        return trained

    def predict(self, setup: Setup, folder: Path, files: CaseFiles) -> LabelMap:
        """Windows that share half, with Gaussian weights, in all eight mirrorings."""
        _set_paths(folder)
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        model = folder / "results" / _DATASET / f"nnUNetTrainer__{_PLANS}__{_CONFIGURATION}"
        predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(model), (0,))
        found = folder / "predicted" / files.id
        found.parent.mkdir(exist_ok=True)
        predictor.predict_from_files_sequential([[str(path) for path in _images(files)]], [str(found)])
        labels = read_labels(found.with_name(found.name + ".nii.gz"), INTEGERS)
        return LabelMap(labels.data, finish(load_case(files, truth=False)).native)


def _set_paths(folder: Path) -> None:
    """Where nnU-Net looks for its folders and its number of processes."""
    for name in ("raw", "preprocessed", "results"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        os.environ[f"nnUNet_{name}"] = str(folder / name)
    os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "1"}


def _images(files: CaseFiles) -> list[Path]:
    return [files.images[modality].path for modality in Modality]


def _write_raw(setup: Setup, folder: Path) -> None:
    """The training part as nnU-Net wants it: links to the images, truths in its integers, a dataset.json."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    training = setup.split().training
    for case_id in training:
        files = setup.files(case_id)
        for channel, path in enumerate(_images(files)):
            link = folder / "imagesTr" / f"{case_id}_{channel:04d}.nii.gz"
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
        truth = finish(load_case(files)).truth
        if truth is None:
            raise RuntimeError(f"{case_id} has no truth")
        write_labels(folder / "labelsTr" / f"{case_id}.nii.gz", truth, INTEGERS)
    description = {
        "channel_names": {str(channel): modality.display_name for channel, modality in enumerate(Modality)},
        "labels": REGIONS,
        "regions_class_order": [1, 2, 3],
        "numTraining": len(training),
        "file_ending": ".nii.gz",
    }
    write_atomically({folder / "dataset.json": json.dumps(description, indent=1).encode()})


def _plan_and_preprocess(folder: Path, training: tuple[str, ...]) -> None:
    """nnU-Net's own plans with the common patch and batch; all cases of its data set train."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprint_dataset,
        plan_experiment_dataset,
        preprocess_dataset,
    )

    extract_fingerprint_dataset(_NUMBER, num_processes=1, show_progress_bar=False)
    plan_experiment_dataset(_NUMBER)
    path = folder / f"{_PLANS}.json"
    plans = json.loads(path.read_text(encoding="utf-8"))
    plans["configurations"][_CONFIGURATION] |= {"patch_size": list(PATCH), "batch_size": BATCH}
    write_atomically({path: json.dumps(plans, indent=1).encode()})
    preprocess_dataset(_NUMBER, _PLANS, (_CONFIGURATION,), (1,), show_progress_bar=False)
    split = [{"train": list(training), "val": list(training[:BATCH])}]  # its loader for validation wants some
    write_atomically({folder / "splits_final.json": json.dumps(split).encode()})
