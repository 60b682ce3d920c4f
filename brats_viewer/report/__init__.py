"""What the viewer hands on about the open case: one page as HTML or PDF, and the scores as a table or a record."""

from brats_viewer.report.html import to_html
from brats_viewer.report.make import make_report
from brats_viewer.report.pdf import to_pdf
from brats_viewer.report.pictures import encode_png
from brats_viewer.report.report import Report
from brats_viewer.report.sources import comparison_record

__all__ = ["Report", "comparison_record", "encode_png", "make_report", "to_html", "to_pdf"]
