"""Sphinx: the documents of topofuse as a site. `make docs` builds it into build/docs, warnings being errors."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import docstrings

import topofuse

project = "topofuse"
author = "the topofuse developers"
release = version = topofuse.__version__
language = "en"
highlight_language = "text"
smartquotes = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["examples", "images", "_static"]

myst_enable_extensions = ["attrs_block", "attrs_inline"]
myst_heading_anchors = 3  # links to headings as GitHub makes them
myst_links_external_new_tab = False

autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "member-order": "bysource", "exclude-members": "model_config"}
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"topofuse {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {  # the colours of the figures: M. Okabe and K. Ito's blue, and one that shows on black
    "light_css_variables": {"color-brand-primary": "#0060a0", "color-brand-content": "#0060a0"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
}


# Files outside docs/ that are pages of the site: links to them are links to these pages.
SHOWN = {
    "../README.md": "index.md",
    "../CHANGELOG.md": "changes.md",
    "../benchmarks/README.md": "speed.md",
    "../src/topofuse/pretrained/full/MODEL_CARD.md": "model-full.md",
    "../src/topofuse/pretrained/fast/MODEL_CARD.md": "model-fast.md",
}


def read(app: Any, page: str, content: list[str]) -> None:
    """Lead links to the pages that show their targets; let a toctree name pages that are still to be written."""
    text = content[0]
    for target, shown in SHOWN.items():
        text = text.replace(f"]({target})", f"]({shown})")
    if page == "index":
        lines = text.splitlines()
        text = "\n".join(x for x in lines if not re.fullmatch(r"[a-z-]+", x) or app.env.doc2path(x).is_file())
    content[0] = text


def setup(app: Any) -> None:
    """Let the project's docstrings and help texts through as they are written."""
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", docstrings.process_docstring)
    app.connect("autodoc-process-signature", docstrings.process_signature)
    app.connect("sphinx-click-process-description", docstrings.process_help)
    app.connect("sphinx-click-process-options", docstrings.process_options)
