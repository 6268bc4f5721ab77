"""Foreign text (names of files, reasons that quote them) where something else than a person may act on it."""

from __future__ import annotations

# What a spreadsheet may take for the beginning of a formula: OWASP, "CSV injection"; the last four are full-width.
# Tab and CR, which are in its list too, are made visible before.
_FORMULA = ("=", "+", "-", "@", "\n", "＝", "＋", "－", "＠")


def visible(text: str) -> str:
    r"""Every character that does not print, line breaks apart, as its escape: a terminal has nothing to obey.

    Control characters, marks that turn the direction of writing, halves of surrogate pairs.

    >>> visible("\x1b[2Jharmless.cif")
    '\\x1b[2Jharmless.cif'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def csv_text_cell(text: str) -> str:
    """Text for a cell of a CSV file: visible, and after an apostrophe where a spreadsheet would compute it.

    >>> csv_text_cell("=HYPERLINK(1).cif")
    "'=HYPERLINK(1).cif"
    """
    text = visible(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
