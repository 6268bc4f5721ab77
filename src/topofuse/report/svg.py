"""matplotlib figures as inline SVG that takes its ink from the page, so that light and dark both work.

Text and axes are drawn in two sentinel colours, which become `currentColor` and a CSS variable. The
background is transparent. The same figure gives the same bytes: no date, no random ids, no version.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#010203"  # sentinel: becomes currentColor
FAINT = "#040506"  # sentinel: becomes var(--faint)
HOVER = "hover:"  # marks the id of a group as the title that it is to have

# M. Okabe and K. Ito, "Color universal design" (2008); its yellow is left out: invisible on white
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"

STYLE: Any = {  # RcParams types its keys one by one; a plain dict of them has no type that fits
    "svg.fonttype": "none",  # text stays text: it is searched, read aloud and set in the page's typeface
    "svg.hashsalt": "topofuse",
    "text.parse_math": False,  # a dollar sign in somebody's feature name is a dollar sign
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.5,
    "axes.linewidth": 0.7,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.use": True,
}

# The report's style takes its ink from the page; a figure of its own brings ink and paper.
ALONE_INK, ALONE_FAINT = "#1a1a1a", "#6b6b6b"
_ALONE: Any = {
    "axes.edgecolor": ALONE_FAINT,
    "axes.labelcolor": ALONE_INK,
    "axes.titlecolor": ALONE_INK,
    "text.color": ALONE_INK,
    "xtick.color": ALONE_FAINT,
    "ytick.color": ALONE_FAINT,
    "xtick.labelcolor": ALONE_INK,
    "ytick.labelcolor": ALONE_INK,
    "grid.color": ALONE_FAINT,
    "figure.facecolor": "white",
    "axes.titlelocation": "left",
}


@contextmanager
def styled() -> Iterator[None]:
    """Context (or decorator) of a drawing: the report's style over matplotlib's defaults, whoever's machine it is."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@contextmanager
def styled_alone() -> Iterator[None]:
    """`styled` for a figure that stands in a file of its own, with its own ink and paper."""
    with styled():
        mpl.rcParams.update(_ALONE)
        yield


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Empty figure of `width` x `height` inches with one set of axes; call it, and draw, inside `styled`."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def entitle(artist: Artist, words: str) -> None:
    """Give `artist` a title: what a pointer that rests on it is told. One line of plain text."""
    artist.set_gid(HOVER + " ".join(words.split()))


def hover_point(axes: Axes, x: float, y: float, words: str) -> None:
    """An unseen disc over the point (x, y), wide enough to hit, that tells `words` to a pointer."""
    (disc,) = axes.plot([x], [y], "o", markersize=10, markeredgewidth=0, alpha=0, zorder=9)
    entitle(disc, words)


def inline_svg(figure: Figure, name: str) -> str:
    """SVG text for a page. `name`: prefix that keeps the ids of several figures apart; [a-z0-9-]."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"figure name {name!r}: lower-case letters, digits and hyphens only")
    buffer = io.StringIO()
    with styled():
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # it would hold for the whole page
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"\d+\.\d{3,}", _hundredths, tag[0]), text)
    text = text.replace(INK, "currentColor").replace(FAINT, "var(--faint)")
    text = re.sub(rf'<g id="{HOVER}([^"]*)">', r"<g><title>\1</title>", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'xlink:href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    # the page sets the typeface and the size of the drawing; the words beside it describe it
    text = re.sub(r"\s*font-family:[^;\"]*;?", "", text)
    text = re.sub(r"font: ([0-9.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', text, count=1)
    return re.sub(r"\n\s*", "\n", text).strip()


def _hundredths(number: re.Match[str]) -> str:
    """A coordinate to a hundredth of a point. Only inside tags: a number between them is meant to be read."""
    return f"{float(number[0]):.2f}"
