"""What every test may use."""

from pathlib import Path

import pytest

REAL = Path(__file__).parents[2] / "shared" / "real"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real cases and awkward real files, kept outside the project; a test that wants it skips without."""
    if not REAL.is_dir():
        pytest.skip("the folder of real cases is not here")
    return REAL
