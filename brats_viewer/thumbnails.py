"""Small pictures of the recent cases, kept beside the settings' cache and forgotten with the list of recent cases."""

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_path
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from brats_viewer.display import Plane
from brats_viewer.document import Document
from brats_viewer.views.geometry import SliceGeometry
from brats_viewer.views.pane import Pane
from brats_viewer.views.slice_image import draw_slice

SIZE = QSize(112, 112)
_log = logging.getLogger(__name__)


def thumbnail_path(case: Path) -> Path:
    """Where the picture of the case opened from `case` is kept, whether or not there is one."""
    name = hashlib.sha256(str(case).encode()).hexdigest()[:24]
    return user_cache_path("brats-viewer", appauthor=False) / "thumbnails" / f"{name}.png"


def keep_thumbnail(document: Document, case: Path) -> None:
    """Keep a picture of the axial slice under the cursor; a cache that cannot be written does without."""
    orientation = document.orientation
    if orientation is None:
        return
    geometry = SliceGeometry(orientation.canonical, Plane.AXIAL, document.display.radiological)
    picture = QImage(SIZE, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.black)
    width, height = geometry.size_mm
    scale = min(SIZE.width() / width, SIZE.height() / height)
    area = QRectF(0, 0, width * scale, height * scale)
    area.moveCenter(QRectF(picture.rect()).center())
    painter = QPainter(picture)
    draw_slice(painter, area, document, geometry, Pane(Plane.AXIAL))
    painter.end()
    path = thumbnail_path(case)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.info("no thumbnail is kept: %s", error)
        return
    picture.save(str(path))


def forget_thumbnails(but: Iterable[Path] = ()) -> None:
    """Delete all pictures but those of some cases; one that cannot be deleted is left."""
    kept = {thumbnail_path(case) for case in but}
    for path in thumbnail_path(Path()).parent.glob("*.png"):
        if path in kept:
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("a thumbnail is left: %s", error)
