"""A report as one HTML file: style and figures inside, nothing fetched, no script."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from topofuse.report.document import Document


def to_html(document: Document) -> str:
    """HTML page of `document`. Every text is escaped; only the figures' SVG, drawn here, goes in as it is."""
    style = files("topofuse.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    page = _template().render(document=document, style=Markup(style), markup=Markup)
    return page + "\n"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("topofuse.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["held"] = _in_html
    return environment.get_template("report.html")


def _in_html(text: str) -> Markup:
    """Escaped text with numbers held together, and what stands in `backticks` set as code."""
    return Markup(re.sub(r"`([^`<>]+)`", r"<code>\1</code>", str(escape(held_together(text)))))


def held_together(text: str) -> str:
    """Text in which a number keeps its unit, and an interval its ends, on one line."""
    text = re.sub(r"(?<=\d) %", "\u00a0%", text)
    return re.sub(r"\[[−+\d][^\]]*\]", lambda m: m[0].replace(" ", "\u00a0"), text)
