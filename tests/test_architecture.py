"""The rules of the house that no single test of a feature would see broken."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PEERS = {"monai", "napari", "nnunetv2"}
"""What only a comparison needs, and not every environment has."""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_contracts_hold():
    result = python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "module",
    ["engine.data", "engine.score", "engine.isolate", "engine.model", "engine.predict", "engine.evaluate"],
)
def test_importing_the_engine_does_not_load_torch(module):
    result = python("-c", f"import sys, {module}; assert 'torch' not in sys.modules, 'torch'")
    assert result.returncode == 0, result.stderr


def test_the_command_line_answers_without_torch_or_qt():
    code = "import sys, engine.cli; assert not {'torch', 'PySide6'} & set(sys.modules)"
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", ["engine", "brats_viewer"])
def test_every_module_says_what_it_is_for(package):
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_can_be_started(path):
    """None is run by the tests, so that none would be seen to ask for what has moved."""
    try:
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    except ModuleNotFoundError as error:
        if error.name not in PEERS:
            raise
        pytest.skip(str(error))
