from pathlib import Path

import pytest

from brats_viewer.display import Crosshair, Display, Layout, Palette, Plane
from brats_viewer.settings import RECENT_LIMIT, Place, Settings
from engine.data import Modality, Region

SHOWN = Display(
    layout=Layout.MODALITIES,
    palette=Palette.COLOUR_BLIND,
    crosshair=Crosshair.THICK,
    region=Region.ET,
    by_region=True,
    radiological=False,
)


def again(tmp_path: Path, settings: Settings) -> Settings:
    """The settings as the next run reads them from the file."""
    settings._store.sync()
    return Settings(tmp_path / "settings.ini")


def test_a_first_run_has_defaults(settings: Settings) -> None:
    assert settings.geometry.isEmpty()
    assert settings.recent_cases == ()
    assert settings.last_folder == Path.home()
    assert settings.opacity == 0.35
    assert settings.display == Display()
    assert settings.windows == {}
    assert settings.reopens
    assert settings.take_session() is None
    assert (settings.model, settings.device, settings.tta) == ("", "auto", "flips")


def test_everything_is_there_in_the_next_run(tmp_path: Path, settings: Settings) -> None:
    settings.opacity = 0.25
    settings.display = SHOWN
    settings.windows = {Modality.T1C: (0.25, 1.5)}
    settings.reopens = False
    here = Place(tmp_path, (1, 2, 3), Plane.CORONAL, Modality.T2F)
    settings.keep_session(here)
    settings.model, settings.device, settings.tta = "default", "cuda:0", "none"
    settings.last_folder = tmp_path
    settings.add_recent_case(tmp_path)
    read = again(tmp_path, settings)
    assert read.opacity == 0.25
    assert read.display == SHOWN
    assert read.windows == {Modality.T1C: (0.25, 1.5)}
    assert not read.reopens
    assert read.take_session() == here
    assert read.take_session() is None
    assert (read.model, read.device, read.tta) == ("default", "cuda:0", "none")
    assert read.last_folder == tmp_path
    assert read.recent_cases == (tmp_path,)


def test_the_latest_case_is_first_and_none_is_there_twice(tmp_path: Path, settings: Settings) -> None:
    folders = [tmp_path / str(number) for number in range(RECENT_LIMIT + 2)]
    for folder in folders:
        folder.mkdir()
        settings.add_recent_case(folder)
    settings.add_recent_case(folders[-2])
    expected = (folders[-2], folders[-1], *reversed(folders[2:-2]))
    assert settings.recent_cases == expected
    assert len(again(tmp_path, settings).recent_cases) == RECENT_LIMIT
    settings.clear_recent_cases()
    assert settings.recent_cases == ()


@pytest.mark.parametrize(
    "text",
    [
        "[view]\nopacity=much\ndisplay=7\n[cases]\nrecent=7\nfolder=/no/such/folder\n[window]\ngeometry=7\n",
        '[view]\nopacity=nan\ndisplay=[1]\nwindows="{\\"T1C\\": [1]}"\n[session]\ncase=[\n',
        "no ini file at all \x00\x01",
    ],
)
def test_a_damaged_file_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.ini").write_text(text)
    settings = Settings(tmp_path / "settings.ini")
    assert settings.opacity == 0.35
    assert settings.display == Display()
    assert settings.windows == {}
    assert settings.take_session() is None
    assert settings.recent_cases == ()
    assert settings.last_folder == Path.home()
    assert settings.geometry.isEmpty()


def test_an_opacity_out_of_range_is_clipped(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("[view]\nopacity=7\n")
    assert Settings(tmp_path / "settings.ini").opacity == 1.0
