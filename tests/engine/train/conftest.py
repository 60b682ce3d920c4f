"""What holds for all tests of trainings."""

import pytest


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """To draw the curves takes longer than all else that a tiny run does; their own tests draw them."""
    for place in ("loop", "outcome"):
        monkeypatch.setattr(f"engine.train.{place}.draw_curves", lambda records: b"")
