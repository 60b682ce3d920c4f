"""How fast the viewer is, from the start of its process to slices that follow a gesture; no screen is needed.

`python -m tests.benchmarks.viewer [--case FOLDER] [--runs 5] [--steps 200] [--peer] [--json]`

Each run is a process of its own with settings of its own. Times of CPU are the ones to compare: a machine that does
other things too lengthens those on the clock. `--peer` puts napari into a temporary environment (some minutes, from
PyPI) and makes it do the same, but for one plane instead of three and a 3D view. It needs OpenGL and so a display:
without one, put `xvfb-run -a -s "-screen 0 1600x1000x24"` before the command; OpenGL is then drawn by the processor.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import PySide6

from brats_viewer.app import sample_case
from tests.benchmarks.viewer.figures import Run, Walk, figures, to_table

ROOT = Path(__file__).parents[3]
PRIVATE = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA")


def run(python: str, module: str, case: Path, steps: int, environment: dict[str, str]) -> Run:
    """One run of a window in a process with folders of its own."""
    with TemporaryDirectory() as home:
        private = {name: str(Path(home, name)) for name in PRIVATE}
        began_s = time.monotonic()
        child = subprocess.run(
            [python, "-m", f"tests.benchmarks.viewer.{module}", str(began_s), str(case), str(steps)],
            cwd=ROOT,
            env=environment | private,
            stdout=subprocess.PIPE,
            check=False,
        )
        logs = [log.read_text() for log in Path(home).rglob("*.log")]
    if not child.stdout:
        sys.exit(f"{module} has not come to its end:\n{''.join(logs)}")
    found = json.loads(child.stdout.splitlines()[-1])
    busy = found["busy"] and Walk(**found["busy"])
    return Run(found["start"], found["opening"], Walk(**found["walk"]), busy, found["begun"])


def run_ours(case: Path, steps: int) -> Run:
    """One run of the viewer, without a screen."""
    environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ
    return run(sys.executable, "window", case, steps, environment)


def install_peer(folder: Path) -> str:
    """Install napari into `folder`; its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    subprocess.run([python, "-m", "pip", "install", "--quiet", "napari[pyside6]", "nibabel"], check=True)
    return python


def run_peer(python: str, case: Path, steps: int) -> Run:
    """One run of napari, on the display."""
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    return run(python, "napari_window", case, steps, environment)


def machine() -> str:
    """What is measured on, in words."""
    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    return (
        f"{processor()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}, PySide6 {PySide6.__version__}; "
        f"load average {load} (1, 5, 15 min)"
    )


def processor() -> str:
    """The processor's name, which Linux tells only there."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.viewer", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--case", type=Path, default=sample_case(), help="the folder of a case with its truth, in place of the sample"
    )
    parser.add_argument("--runs", type=int, default=5, help="how many windows are measured (%(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="slice changes in each, twice (%(default)s)")
    parser.add_argument("--peer", action="store_true", help="compare with napari, which is installed for that")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.runs < 1 or options.steps < 2:
        parser.error("--runs must be 1 or more, and --steps 2 or more")
    if options.peer and sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        parser.error("napari needs OpenGL, which Qt has on Linux only with a display: run this under xvfb-run")
    before = machine()
    with TemporaryDirectory() as folder:
        case = Path(shutil.copytree(options.case, Path(folder, "case", options.case.name)))
        peer = install_peer(Path(folder, "peer")) if options.peer else ""
        ours, theirs = [], []
        for _ in range(options.runs):
            ours.append(run_ours(case, options.steps))
            if peer:
                theirs.append(run_peer(peer, case, options.steps))
    found, compared = figures(ours), figures(theirs) if theirs else []
    if options.json:
        told = {
            "machine": before,
            "viewer": [asdict(one) for one in found],
            "napari": [asdict(one) for one in compared],
        }
        print(json.dumps(told, indent=2))
    else:
        print(f"{before}\nmedians of {options.runs} runs, {options.steps} slice changes in each, twice")
        print(to_table(found, compared))


if __name__ == "__main__":
    main()
