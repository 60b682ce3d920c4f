"""What the engine's tests share: one thread, and nothing remembered of another run."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """The tests compute on tensors so small that a second thread only waits, worst where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def empty_cache(tmp_path_factory):
    """A cache of the tests' own, in child processes too: a person's own must not choose the backend, nor be changed."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
            patch.setenv(variable, str(tmp_path_factory.mktemp("cache")))
        yield
