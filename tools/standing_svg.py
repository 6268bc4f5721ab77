"""An inline figure of the report as a file that stands alone: its own background, and colours for light and dark.

A browser shows an SVG in an `<img>` in the colour scheme of the page or, where it does not know that, of the system;
the background goes with the ink, so that it can be read either way.
"""

from __future__ import annotations

import re
from html import escape

from topofuse.report.svg import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

# on white; on nearly black, where Okabe and Ito's darker colours are lightened
COLOURS = {
    "ink": ("#1b1b1b", "#e8e8e8"),
    "faint": ("#767676", "#a0a0a0"),
    "card": ("#ffffff", "#17191c"),
    "blue": (BLUE, "#4ba3dd"),
    "vermilion": (VERMILION, "#f08a3c"),
    "green": (GREEN, "#35c49a"),
    "purple": (PURPLE, "#dd9cbc"),
    "orange": (ORANGE, "#f0b93a"),
    "sky": (SKY, "#7cc8f2"),
}
CARD = "#ffffff"  # in a figure, becomes the background's colour


def standing_svg(inline: str, title: str) -> str:
    """File content for the text of `inline_svg`; `title` says what a reader who does not see it should know."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', inline)
    if box is None:
        raise ValueError("the figure has no viewBox that starts at 0 0")
    width, height = box.groups()
    light, dark = (" ".join(f"--{name}: {pair[i]};" for name, pair in COLOURS.items()) for i in (0, 1))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}pt" '
        f'height="{height}pt" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>svg {{ {light} color: var(--ink); }}\n"
        f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}</style>\n"
        '<rect width="100%" height="100%" rx="6" style="fill: var(--card)"/>'
    )
    body = re.sub(r"<svg [^>]*>", "", inline, count=1)
    for name, (on_white, _) in COLOURS.items():
        body = body.replace(on_white, f"var(--{name})") if name not in ("ink", "faint") else body
    return f"{head}\n{body}\n"
