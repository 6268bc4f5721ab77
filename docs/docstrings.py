"""The project's docstrings and help texts as reStructuredText, for Sphinx.

They are plain English with `code` in single backticks and lines `name: what it is`, which Sphinx would run together.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

_ENTRY = re.compile(r"([A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*): +(\S.*)")
_ITEM = re.compile(r"- +(\S.*)")
_SENTENCE = re.compile(r"Raises |Returns? ")


def as_rst(lines: list[str]) -> list[str]:
    """Lines of a docstring, indentation removed → lines of reStructuredText."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    out: list[str] = []
    for block in blocks:
        if block:
            out += [*_block(block), ""]
    return out


def _block(block: list[str]) -> list[str]:
    if all(line.startswith("    ") for line in block):
        return ["::", "", *(f"    {line}" for line in block)]
    if _ENTRY.fullmatch(block[0]) or _ITEM.fullmatch(block[0]):
        return _entries(block)
    return [" ".join(_inline(line.strip()) for line in block)]


def _entries(block: list[str]) -> list[str]:
    """A bullet for each `name: …` or `- …`; other lines go on with the entry above, but for `Raises …`."""
    found: list[str] = []
    after: list[str] = []
    for line in block:
        if entry := _ENTRY.fullmatch(line):
            found.append(f"**{entry[1]}**: {_inline(entry[2])}".replace("_**", r"\_**"))
        elif item := _ITEM.fullmatch(line):
            found.append(_inline(item[1]))
        elif after or _SENTENCE.match(line):
            after.append(_inline(line.strip()))
        else:
            found[-1] += " " + _inline(line.strip())
    return [*(f"- {text}" for text in found), *(["", " ".join(after)] if after else [])]


def _inline(text: str) -> str:
    """`code` as literals; what reStructuredText would read as markup in the rest, escaped."""
    parts = re.split(r"`+([^`]+)`+", text)
    plain = [re.sub(r"([*|\\]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    code = [f"``{part}``" for part in parts[1::2]]
    # a literal must be followed by space or punctuation: `name`s becomes ``name``\ s
    joined = plain[0]
    for literal, rest in zip(code, plain[1:], strict=True):
        joined += literal + ("\\ " if rest[:1].isalnum() else "") + rest
    return joined


def process_docstring(_app: Any, what: str, name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Handler of Sphinx's event `autodoc-process-docstring`; changes `lines` in place. A module gets a title."""
    title: list[str] = []
    if what == "module":
        title = [f".. rubric:: {name}", "", _inline(lines[0]), ""]
        del lines[0]
    lines[:] = [*title, *as_rst(lines)]


def process_signature(
    _app: Any, _what: str, _name: str, _obj: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Handler of `autodoc-process-signature`: arrays by the type of their entries, the shape is in the docstring."""
    return _arrays(signature), _arrays(returns)


def _arrays(text: str | None) -> str | None:
    return text and re.sub(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[([^\]]*)\]\]", r"ndarray[\1]", text)


def process_help(_app: Any, context: Any, lines: list[str]) -> None:
    """Handler of `sphinx-click-process-description`: the command's help, its `\\b` paragraphs as they stand."""
    out: list[str] = []
    for paragraph in inspect.cleandoc(context.command.help or "").split("\n\n"):
        head, *rest = paragraph.splitlines() or [""]
        out += ["::", "", *(f"    {line}" for line in rest)] if head == "\b" else as_rst([head, *rest])
        out.append("")
    lines[:] = out


def process_options(_app: Any, _context: Any, lines: list[str]) -> None:
    """Handler of `sphinx-click-process-options`: the options' help; directives and their fields stay."""
    for i, line in enumerate(lines):
        if line.startswith("    ") and not line.lstrip().startswith(":"):
            lines[i] = "    " + _inline(line.strip())
