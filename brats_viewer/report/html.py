"""The page as HTML that stands alone: its pictures are in it, and it loads and runs nothing.

Browsers show it, and so does Qt's own text engine, whose HTML is that of twenty years ago: tables lay the page out.
"""

from base64 import b64encode
from html import escape

from brats_viewer.display import Colour
from brats_viewer.report.pictures import GAP_PX, PAGE_PX
from brats_viewer.report.report import Panel, Picture, Report, Table
from engine import RESEARCH_USE

_STYLE = f"""
@page {{ size: A4; margin: 14mm; }}
body {{ font-family: Helvetica, Arial, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 11px; color: #1b1f27;
        background-color: #ffffff; inline-size: {PAGE_PX}px; margin-inline: auto; overflow-wrap: anywhere; }}
p {{ margin-top: 3px; margin-bottom: 3px; }}
table {{ border-collapse: collapse; }}
td, th {{ font-size: 11px; }}
.title {{ font-size: 22px; font-weight: bold; }}
.heading {{ font-size: 13px; font-weight: bold; color: #2463eb; margin-top: 15px; margin-bottom: 5px; }}
.muted {{ color: #5b6472; }}
.small {{ font-size: 9.5px; color: #5b6472; }}
.warning {{ color: #9a6700; }}
.name {{ color: #5b6472; padding: 1px 16px 1px 0; white-space: nowrap; }}
.value {{ padding: 1px 0 1px 0; }}
.head {{ font-weight: normal; font-size: 9.5px; color: #5b6472; border-bottom: 1px solid #1b1f27; padding: 2px 5px;
         white-space: nowrap; }}
.cell {{ border-bottom: 1px solid #e6e9ef; padding: 3px 5px; white-space: nowrap; }}
.last {{ border-bottom: 1px solid #1b1f27; padding: 3px 5px; font-weight: bold; white-space: nowrap; }}
.caption {{ font-size: 9.5px; color: #5b6472; padding-right: 10px; }}
.picture {{ padding-right: {GAP_PX}px; }}
.end {{ color: #5b6472; margin-top: 16px; }}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def to_html(report: Report) -> str:
    """The page as one file of HTML; whatever came from a file or a name is text in it and nothing else."""
    title = f"Report on {report.case_id}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n{_body(report)}\n</body></html>\n"
    )


def _body(report: Report) -> str:
    parts = [_header(report), _facts(report), _panel(report.slices), _table(report.table)]
    if report.agreement:
        parts.append(_panel(report.agreement))
    if report.remarks:
        parts += [_heading("Remarks"), *(f'<p class="warning">{escape(line)}</p>' for line in report.remarks)]
    return "\n".join((*parts, f'<p class="end"><b>{escape(RESEARCH_USE)}</b></p>'))


def _header(report: Report) -> str:
    when = f"{report.created:%Y-%m-%d %H:%M %Z}"
    return (
        f'<table width="{PAGE_PX}" cellspacing="0" cellpadding="0"><tr>'
        f'<td valign="bottom"><span class="muted">Brain tumour segmentation report</span>'
        f'<br><span class="title">{escape(report.case_id)}</span></td>'
        f'<td align="right" valign="bottom" class="muted">{escape(when)}<br>BraTS Viewer {escape(report.version)}</td>'
        "</tr></table><hr>"
    )


def _facts(report: Report) -> str:
    rows = (
        f'<tr><td class="name">{escape(name)}</td><td class="value">{escape(value)}</td></tr>'
        for name, value in report.facts
    )
    return f'<table cellspacing="0" cellpadding="0">{"".join(rows)}</table>'


def _panel(panel: Panel) -> str:
    """The pictures side by side, each over its caption; under them the legend and the note."""
    images = "".join(f'<td class="picture">{_image(picture)}</td>' for picture in panel.pictures)
    captions = "".join(f'<td class="caption">{escape(picture.caption)}</td>' for picture in panel.pictures)
    legend = " &nbsp; ".join(_swatch(name, colour) for name, colour in panel.legend)
    return (
        f'{_heading(panel.title)}<table cellspacing="0" cellpadding="0"><tr>{images}</tr><tr>{captions}</tr></table>'
        f"<p>{legend}</p>{_small(panel.note)}"
    )


def _swatch(name: str, colour: Colour) -> str:
    square = f'<span style="background-color: rgb{colour}">&nbsp;&nbsp;&nbsp;&nbsp;</span>'
    return f"{square}&nbsp;{escape(name)}"


def _table(table: Table) -> str:
    head = "".join(
        f'<th class="head" valign="bottom" align="{_align(column)}">{_lines(heading)}</th>'
        for column, heading in enumerate(table.headings)
    )
    rows = []
    for number, row in enumerate(table.rows, start=1):
        kind = "last" if number == len(table.rows) and len(table.headings) > 2 else "cell"
        cells = "".join(
            f'<td class="{kind}" align="{_align(column)}">{escape(words)}</td>' for column, words in enumerate(row)
        )
        rows.append(f"<tr>{cells}</tr>")
    width = f' width="{PAGE_PX}"' if len(table.headings) > 2 else ""
    content = f'<table{width} cellspacing="0" cellpadding="0"><tr>{head}</tr>{"".join(rows)}</table>' if rows else ""
    return f"{_heading(table.title)}{content}{_small(table.note)}"


def _lines(words: str) -> str:
    return "<br>".join(map(escape, words.split("\n")))


def _align(column: int) -> str:
    return "right" if column else "left"


def _heading(words: str) -> str:
    return f'<p class="heading">{escape(words)}</p>'


def _small(words: str) -> str:
    return f'<p class="small">{escape(words)}</p>'


def _image(picture: Picture) -> str:
    data = b64encode(picture.png).decode("ascii")
    size = f'width="{picture.width_px}" height="{picture.height_px}"'
    return f'<img {size} alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
