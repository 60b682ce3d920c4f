"""What is installed from a wheel alone: the packages, the resources, the licences, and a mask of the sample case."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(folder),
    ]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_licence_and_notices_are_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (licence,) = [name for name in names if name.endswith("licenses/LICENSE")]
        assert "Apache License" in archive.read(licence).decode()
        assert any(name.endswith("licenses/resources/atlas/NOTICE") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"engine", "brats_viewer", next(top for top in tops if top.endswith(".dist-info"))}


def test_installed_alone_it_segments_the_sample_case(wheel, tmp_path):
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", str(site), str(wheel)]
    subprocess.run(command, check=True)
    environment = os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    sample = run(
        "-c", "from engine.resources import resource; print(resource('sample', 'BraTS-Viewer_Sample_001'))"
    ).strip()
    assert Path(sample).is_relative_to(site)
    out = tmp_path / "mask.nii.gz"
    result = json.loads(run("-m", "engine", "segment", sample, "-o", str(out), "--tta", "none", "--json", "--quiet"))
    assert out.is_file()
    assert result["volumes_ml"]["WT"] > 10
