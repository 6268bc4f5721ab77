"""Colours of the elements as VESTA (K. Momma, F. Izumi, J. Appl. Cryst. 44, 1272 (2011)) has them, from pymatgen."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def element_colours() -> dict[str, str]:
    """{symbol: '#rrggbb'} of all elements up to Lr."""
    from ruamel.yaml import YAML

    text = (files("pymatgen.core") / "ElementColorSchemes.yaml").read_text(encoding="utf-8")
    table = YAML(typ="safe").load(text)["VESTA"]
    return {symbol: "#{:02x}{:02x}{:02x}".format(*rgb) for symbol, rgb in table.items()}
