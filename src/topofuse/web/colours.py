"""Colours of the elements as VESTA (K. Momma, F. Izumi, J. Appl. Cryst. 44, 1272 (2011)) has them.

`tools/make_element_table.py` writes the table.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def element_colours() -> dict[str, str]:
    """{symbol: '#rrggbb'} of all elements up to Lr."""
    text = files("topofuse.web").joinpath("colours.csv").read_text(encoding="ascii")
    return {row["symbol"]: row["colour"] for row in csv.DictReader(text.splitlines())}
