"""The page as PDF: the same HTML, laid out by Qt and made to fit one sheet of A4."""

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QRectF, QUrl
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPainter, QPdfWriter, QTextDocument

from brats_viewer.report.html import to_html
from brats_viewer.report.pictures import PAGE_PX
from brats_viewer.report.report import Report
from engine import RESEARCH_USE, __version__

MARGIN_MM = 14.0
SHEET_PX = 269.0 / 25.4 * 96.0
"""Height of A4 between its margins, in pixels of 1/96 inch."""
_RESOLUTION = 1200
_MILLIMETRE = QPageLayout.Unit.Millimeter


def to_pdf(report: Report) -> bytes:
    """The page as the content of a PDF file of one sheet."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(f"Report on {report.case_id}. {RESEARCH_USE}")
    writer.setCreator(f"BraTS Viewer {__version__}")
    writer.setResolution(_RESOLUTION)
    margins = QMarginsF(MARGIN_MM, MARGIN_MM, MARGIN_MM, MARGIN_MM)
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, margins, _MILLIMETRE)
    )
    painter = QPainter(writer)
    painter.scale(_RESOLUTION / 96.0, _RESOLUTION / 96.0)
    paint_page(report, painter)
    painter.end()
    return bytes(buffer.data().data())


def paint_page(report: Report, painter: QPainter) -> None:
    """Paint the page on a sheet of `PAGE_PX` by `SHEET_PX`, smaller where it is longer than that."""
    document = _Page()
    document.setUndoRedoEnabled(False)
    document.setDocumentMargin(0.0)
    document.setUseDesignMetrics(True)
    document.setDefaultFont(QFont("Helvetica"))
    document.setHtml(to_html(report))
    document.setTextWidth(PAGE_PX)
    scale = min(1.0, SHEET_PX / document.size().height())
    painter.translate((PAGE_PX - scale * PAGE_PX) / 2, 0)
    painter.scale(scale, scale)
    document.drawContents(painter, QRectF(0, 0, PAGE_PX, document.size().height()))


class _Page(QTextDocument):
    """A text that, drawn in a thread, lets others have their turn before each of its pictures.

    Qt draws the whole of it in one call, and Python's threads change only while Python runs.
    """

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """A picture."""
        return super().loadResource(kind, name)
