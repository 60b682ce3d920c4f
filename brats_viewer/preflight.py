"""What must be there before Qt can start: said in one line, since Qt itself aborts the process where it is not."""

import ctypes
import os
import sys
from pathlib import Path

# Per library: the Debian/Ubuntu package that has it, and Fedora's.
_PACKAGES = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libOpenGL.so.0": ("libopengl0", "libglvnd-opengl"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libgthread-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb"),
    "libX11.so.6": ("libx11-6", "libX11"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
    "libxcb.so.1": ("libxcb1", "libxcb"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
}


def missing_libraries_line(error: OSError | ImportError) -> str:
    """One line for an `error` of loading Qt: every system library it lacks here, and the packages that have them.

    The loader names only the first one that it misses; who installs that should not come back for the next.
    """
    first = str(error).partition(":")[0].strip()
    missing = [library for library in _PACKAGES if library == first or not _loads(library)]
    if first not in missing:
        return f"Qt cannot be loaded: {' '.join(str(error).split())}"
    return _install_line(missing)


def _install_line(libraries: list[str]) -> str:
    """What to install for libraries that are missing.

    >>> _install_line(["libEGL.so.1"])
    'Qt needs libEGL.so.1: apt install libegl1 (Debian, Ubuntu) or dnf install libglvnd-egl (Fedora)'
    """
    debian, fedora = (" ".join(dict.fromkeys(_PACKAGES[name][of] for name in libraries)) for of in (0, 1))
    names = ", ".join(libraries)
    return f"Qt needs {names}: apt install {debian} (Debian, Ubuntu) or dnf install {fedora} (Fedora)"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def display_problem() -> str | None:
    """Why Qt would find no screen here, in one line; None where it will, or where that is not in question.

    Only Linux has several ways to a screen. Qt takes the one that QT_QPA_PLATFORM names, else Wayland where the
    session has it, else X11 through its plugin "xcb", and aborts if that cannot be loaded or finds no X server.
    """
    if not sys.platform.startswith("linux"):
        return None
    asked = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if asked not in ("", "xcb"):
        return None
    if not asked and os.environ.get("WAYLAND_DISPLAY") and _plugin_problem("libqwayland.so") is None:
        return None
    if not os.environ.get("DISPLAY"):
        return "There is no screen here (DISPLAY is not set): start it on a desktop, or connect with ssh -X"
    return _plugin_problem("libqxcb.so") or _x11_problem()


def _plugin_problem(name: str) -> str | None:
    """Why a platform plugin of Qt cannot be loaded: loading it here fails with the name of what is missing."""
    from PySide6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath), "platforms", name)
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return missing_libraries_line(error)
    return None


def _x11_problem() -> str | None:
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        if xcb.xcb_connection_has_error(connection):
            return f"The X server at DISPLAY={os.environ['DISPLAY']} does not answer: check DISPLAY, or use ssh -X"
    finally:
        xcb.xcb_disconnect(connection)
    return None
