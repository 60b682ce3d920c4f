"""A cohort of tiny cases: beside reading and writing, around a bad case, and again after a stop."""

import json
import threading
from dataclasses import replace
from itertools import pairwise

import nibabel as nib
import numpy as np
import pytest

from engine.data import CONVENTIONS, Region, find_dataset, load_case
from engine.errors import CaseError, DeviceError, ImageFileError
from engine.lock import LOCK_FILE, FolderInUseError, FolderLock
from engine.model.bundle import save_bundle
from engine.predict import cohort, segment
from engine.predict.cohort import CaseEnded, CaseOutcome, CaseStatus, segment_cohort
from engine.progress import Progress, finish
from tests.engine.bundles import card, threshold_bundle, threshold_network
from tests.engine.cohorts import write_case
from tests.phantoms import phantom_case, phantom_segmentation

NAMES = ("Case_1", "Case_2", "Case_3", "Case_4")
PATIENCE_S = 60.0
BLOCK_ML = dict.fromkeys(Region, pytest.approx(0.064))


@pytest.fixture
def dataset(tmp_path):
    for name in NAMES:
        write_case(tmp_path / "cases" / name)
    return tmp_path / "cases"


@pytest.fixture
def masks(tmp_path):
    return tmp_path / "masks"


@pytest.fixture
def run(tmp_path, dataset, masks):
    threshold_bundle(tmp_path / "tiny")
    settings = {"model": str(tmp_path / "tiny"), "device": "cpu", "backend": "torch", "tta": "none"}

    def begin(folder=masks, **changes):
        return segment_cohort(find_dataset(dataset), folder, **settings | changes)

    return begin


def statuses(result):
    return [(outcome.id, outcome.status.value) for outcome in result.outcomes]


def all_reports(work):
    reports = []
    while True:
        try:
            reports.append(next(work))
        except StopIteration as stop:
            return reports, stop.value


def test_every_case_has_a_mask_with_provenance_and_is_told_in_order(run, masks):
    reports, result = all_reports(run())
    ends = [report for report in reports if isinstance(report, CaseEnded)]
    assert [end.outcome for end in ends] == list(result.outcomes)
    assert [(end.done, end.total) for end in ends] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert statuses(result) == [(name, "segmented") for name in NAMES]
    for outcome in result.outcomes:
        assert outcome.mask == masks / f"{outcome.id}.nii.gz"
        assert outcome.volumes_ml == BLOCK_ML
        assert np.count_nonzero(nib.load(outcome.mask).dataobj) == 64
        assert json.loads(outcome.mask.with_name(f"{outcome.id}.json").read_text())["tta"] == "none"
    assert 0 < result.busy <= 1


def test_reading_and_writing_go_on_beside_the_network_and_one_case_waits(run, monkeypatch):
    """Each case is computed to its end only when the next is ready, and drawn and saved only when the next is begun."""
    ready, begun, ended = ({name: threading.Event() for name in NAMES} for _ in range(3))
    after = dict(pairwise(NAMES))
    two_before = dict(zip(NAMES[2:], NAMES, strict=False))

    def loading(files, **options):
        if files.id in two_before and not ended[two_before[files.id]].is_set():
            raise CaseError(f"{files.id}: two cases were waiting")
        return (yield from load_case(files, **options))

    def segmenting(case, **options):
        work, computing = segment(case, **options), False
        while True:
            try:
                progress = next(work)
            except StopIteration as stop:
                return stop.value
            if progress.total and not computing:
                ready[case.id].set()
                computing = True
                yield progress  # from here it is the network's thread that goes on
                begun[case.id].set()
                if case.id in after and not ready[after[case.id]].wait(PATIENCE_S):
                    raise CaseError(f"{case.id}: the next case was not made ready meanwhile")
            elif progress.total and progress.done == progress.total:
                ended[case.id].set()
                yield progress  # and from here the thread that writes
                if case.id in after and not begun[after[case.id]].wait(PATIENCE_S):
                    raise CaseError(f"{case.id}: the next case was not computed meanwhile")
            else:
                yield progress

    monkeypatch.setattr(cohort, "load_case", loading)
    monkeypatch.setattr(cohort, "segment", segmenting)
    assert [outcome.error for outcome in finish(run()).outcomes] == [""] * 4


def test_all_passes_are_the_networks_even_where_it_began_again_with_less_memory(run, monkeypatch):
    threads = {}

    def segmenting(case, **options):
        steps = threads.setdefault(case.id, [])
        for done, total in ((0, 0), (0, 2), (1, 2), (0, 0), (0, 4), (4, 4)):
            steps.append(threading.current_thread().name.split("_")[0])
            yield Progress(done, total, "segmenting")
        steps.append(threading.current_thread().name.split("_")[0])
        return replace(phantom_segmentation(phantom_case(shape=case.native.shape)), case_id=case.id)

    monkeypatch.setattr(cohort, "segment", segmenting)
    finish(run())
    here = threading.current_thread().name
    assert threads == {name: ["cohort", "cohort", here, here, here, here, "cohort"] for name in NAMES}


def test_the_seconds_of_a_case_are_those_of_its_steps(monkeypatch):
    seconds = iter(range(100))
    monkeypatch.setattr(cohort, "perf_counter", lambda: float(next(seconds)))  # each step takes one
    segmentation = phantom_segmentation(phantom_case(shape=(8, 8, 8)))

    def work():
        yield Progress(0, 0, "preparing")
        yield Progress(0, 1, "passes")
        yield Progress(1, 1, "passes")
        return segmentation

    run = cohort._Run(phantom_case(shape=(8, 8, 8)), work())
    run.advance()
    run.advance()
    next(seconds)  # it waits for the network
    assert run.finish().seconds == 4.0


def test_a_bad_case_is_told_with_its_reason_and_does_not_stop_the_others(run, dataset):
    broken = dataset / "Case_2" / "Case_2_t1ce.nii.gz"
    broken.write_bytes(broken.read_bytes()[:100])
    (dataset / "scans").mkdir()
    (dataset / "scans" / "image.dcm").write_bytes(b"DICM")
    result = finish(run())
    assert statuses(result)[:3] == [(name, "segmented") for name in ("Case_1", "Case_3", "Case_4")]
    bad, unnamed = result.outcomes[3:]
    assert (bad.id, unnamed.id) == ("Case_2", "scans")
    assert str(broken) in bad.error
    assert "scans" in unnamed.error
    assert bad == CaseOutcome("Case_2", CaseStatus.FAILED, error=bad.error)


def test_a_case_that_cannot_be_segmented_or_saved_is_told_too(run, monkeypatch, masks):
    def computing(case, **options):
        if case.id == "Case_1":
            raise DeviceError("cpu: it is too large")
        return (yield from segment(case, **options))

    monkeypatch.setattr(cohort, "segment", computing)
    masks.mkdir()
    (masks / "Case_3.nii.gz").write_bytes(b"precious")
    result = finish(run())
    assert statuses(result)[2:] == [("Case_1", "failed"), ("Case_3", "failed")]
    assert result.outcomes[2].error == "cpu: it is too large"
    assert "--overwrite" in result.outcomes[3].error
    assert (masks / "Case_3.nii.gz").read_bytes() == b"precious"
    assert ("Case_3", "segmented") in statuses(finish(run(overwrite=True)))


def test_what_is_done_is_not_done_again(run, dataset):
    first = finish(run())
    write_case(dataset / "Case_5")
    written = [outcome.mask.stat().st_mtime_ns for outcome in first.outcomes]
    again = finish(run())
    assert statuses(again) == [*((name, "done earlier") for name in NAMES), ("Case_5", "segmented")]
    assert [outcome.mask.stat().st_mtime_ns for outcome in first.outcomes] == written
    for before, now in zip(first.outcomes, again.outcomes, strict=False):
        assert (now.mask, now.volumes_ml) == (before.mask, before.volumes_ml)
        assert now.seconds == pytest.approx(before.seconds, abs=1e-3)
    assert finish(run()).busy is None


def test_masks_that_lie_among_the_cases_are_no_cases(run, dataset):
    finish(run(dataset / "masks"))
    found = find_dataset(dataset)
    assert [files.id for files in found.cases] == list(NAMES)
    assert found.unreadable == {}


@pytest.mark.parametrize("change", ["tta", "model", "labels", "image", "mask", "record", "gone"])
def test_what_was_made_of_something_else_is_done_again(run, dataset, masks, tmp_path, change):
    finish(run())
    mask, other = masks / "Case_2.nii.gz", {}
    if change == "tta":
        other = {"tta": "flips"}
    elif change == "model":
        save_bundle(tmp_path / "other", card(), threshold_network(levels=(2.0, 1.0, 0.5)).state_dict())
        other = {"model": str(tmp_path / "other")}
    elif change == "labels":
        other = {"convention": CONVENTIONS["decathlon"]}
    elif change == "image":
        path = dataset / "Case_2" / "Case_2_flair.nii.gz"
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj) + 1, image.affine), path)
    elif change == "mask":
        mask.write_bytes(mask.read_bytes()[:-1])
    elif change == "record":
        mask.with_name("Case_2.json").write_text('{"program": "brats-viewer", "kind": "prediction", "model": 1}')
    else:
        mask.unlink()
    again = dict(statuses(finish(run(**other))))
    assert again["Case_2"] == "segmented"
    assert again["Case_1"] == ("segmented" if other else "done earlier")


def test_closing_stops_all_and_a_later_run_goes_on(run, masks):
    work = run()
    for report in work:
        if isinstance(report, CaseEnded) and report.outcome.id == "Case_2":
            break
    work.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cohort")]
    files = sorted(path.name for path in masks.iterdir())
    assert {"Case_1.nii.gz", "Case_1.json", "Case_2.nii.gz", "Case_2.json"} <= set(files)
    assert not [name for name in files if name.endswith(".tmp")]
    again = dict(statuses(finish(run())))
    assert (again["Case_1"], again["Case_2"], again["Case_4"]) == ("done earlier", "done earlier", "segmented")


def test_it_can_be_stopped_while_a_case_is_read(run, monkeypatch, masks):
    stopped = threading.Event()

    def loading(files, **options):
        try:
            while True:
                yield Progress(0, 1, "reading")
        finally:
            stopped.set()

    monkeypatch.setattr(cohort, "load_case", loading)
    work = run()
    while next(work).stage != "reading images":
        pass
    work.close()
    assert stopped.is_set()
    assert [path.name for path in masks.iterdir()] == [LOCK_FILE]


def test_what_concerns_all_cases_is_raised_before_the_first(run, masks):
    with pytest.raises(DeviceError, match="cuda:77"):
        next(run(device="cuda:77"))
    masks.write_text("a file")
    with pytest.raises(ImageFileError, match="masks"):
        next(run())
    masks.unlink()
    masks.mkdir()
    with FolderLock(masks), pytest.raises(FolderInUseError):
        next(run())


def test_the_network_is_busy_while_it_computes_windows(monkeypatch):
    times = iter([11.0, 14.0, 15.0, 18.0])
    monkeypatch.setattr(cohort, "perf_counter", lambda: next(times))
    clock = cohort._Clock()
    assert clock.busy is None
    for _ in range(2):  # from 11 to 14, from 15 to 18
        with clock.running():
            pass
    assert clock.busy == pytest.approx(6 / 7)
