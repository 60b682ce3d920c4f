"""What every test may use."""

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch loads: each worker, and what it starts, computes in one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REAL = Path(__file__).parents[2] / "shared" / "real"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real cases and awkward real files, kept outside the project; a test that wants it skips without."""
    if not REAL.is_dir():
        pytest.skip("the folder of real cases is not here")
    return REAL
