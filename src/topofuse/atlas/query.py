"""What is looked for in an atlas, and which rows are it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from topofuse.atlas.card import AtlasError
from topofuse.atlas.file import where
from topofuse.crystals.formula import SYMBOLS
from topofuse.labels import FIVE, LEVELS, coarsen
from topofuse.trust.sets import SEPARATOR

Range = tuple[float | None, float | None]  # from, to; both count
STATUSES = ("metal", "error")  # in place of a class
DOMAINS = ("in", "likely_magnetic", "unseen_element", "odd_electrons")
SORTS = ("promise", "p_nontrivial", *(f"p_{name}" for name in FIVE), "novelty", "id", "formula", "spacegroup",
         "n_atoms", "label", "sketch_gap")  # fmt: skip
_ID = re.compile(r"[a-z]+-[A-Za-z0-9_.-]+")
_PART = re.compile(r"([A-Z][a-z]?)([0-9]*)|(\()|\)([0-9]*)")
_MOST_TEXT = 100


@dataclass(frozen=True)
class Query:
    """Conditions that all hold of the rows looked for.

    text: an id (mp-541837), a formula (Bi2Se3), or the elements of which it consists (Bi-Se)
    elements, without: symbols of which all, none are in the formula
    spacegroups: numbers, one of which it has
    classes: one of which it is: the five, their groups (`labels.LEVELS`), 'metal' or 'error'
    p: bounds of p_nontrivial; p_of: class → bounds of its probability
    within: classes beside which nothing remains possible: set_90 holds no other
    novelty, gap, atoms: bounds of novelty, sketch_gap (eV), n_atoms; domains: of `DOMAINS`; z4: of 0 to 3
    known: whether it is a training material; warned: whether there is any warning
    sort: of `SORTS`; promise is p_nontrivial × (1 − novelty); descending: largest first; what is missing comes last
    Raises `AtlasError` for what cannot be.
    """

    text: str = ""
    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    spacegroups: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    p: Range = (None, None)
    p_of: Mapping[str, Range] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    novelty: Range = (None, None)
    domains: tuple[str, ...] = ()
    gap: Range = (None, None)
    z4: tuple[int, ...] = ()
    atoms: Range = (None, None)
    known: bool | None = None
    warned: bool | None = None
    sort: str = "promise"
    descending: bool = True

    def __post_init__(self) -> None:
        _symbols((*self.elements, *self.without))
        if both := set(self.elements) & set(self.without):
            raise AtlasError(f"{', '.join(sorted(both))} cannot be both there and not there")
        _among(self.domains, DOMAINS, "domain")
        _among((self.sort,), SORTS, "column to sort by")
        _among(self.p_of, FIVE, "class")
        _among(self.z4, range(4), "z4")
        _among(self.spacegroups, range(1, 231), "space group")
        five(self.classes)
        five(self.within)
        for low, high in (self.p, self.novelty, self.gap, self.atoms, *self.p_of.values()):
            if any(bound is not None and math.isnan(bound) for bound in (low, high)):
                raise AtlasError("a bound is no number")
            if low is not None and high is not None and low > high:
                raise AtlasError(f"nothing lies between {low:g} and {high:g}: the smaller bound comes first")
        if len(self.text) > _MOST_TEXT:
            raise AtlasError(f"an id or a formula has at most {_MOST_TEXT} characters")


def bounds(text: str) -> Range:
    """LOW:HIGH, of which one or both may be missing, as bounds; `AtlasError` for anything else.

    >>> bounds("0.9:")
    (0.9, None)
    """
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return (float(low) if low.strip() else None, float(high) if high.strip() else None)
    except ValueError:
        raise AtlasError(f"{text[:40]!r} is not LOW:HIGH, with one of them or both, such as 0.9: or :0.5") from None


def listed(text: str) -> tuple[str, ...]:
    """Words that commas or blanks separate."""
    return tuple(text.replace(",", " ").split())


def whole_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers that commas or blanks separate; `AtlasError` for anything else."""
    try:
        return tuple(map(int, listed(text)))
    except ValueError:
        raise AtlasError(f"{text[:40]!r} is no list of whole numbers") from None


def five(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the five classes, and of 'metal' and 'error', that names mean; groups are all their classes."""
    chosen = []
    for name in names:
        level = next((level for level, classes in LEVELS.items() if name in classes), None)
        if name in (*FIVE, *STATUSES):
            chosen.append(name)
        elif level is not None:
            code = LEVELS[level].index(name)
            chosen += [one for one, own in zip(FIVE, coarsen(np.arange(5), level), strict=True) if own == code]
        else:
            groups = [name for classes in (LEVELS["two"][1:], LEVELS["three"][1:]) for name in classes]
            raise AtlasError(f"there is no class {name[:40]!r}; there are {', '.join((*FIVE, *groups, *STATUSES))}")
    return tuple(chosen)


def _symbols(given: Sequence[str]) -> None:
    for symbol in given:
        if symbol not in SYMBOLS[1:]:
            raise AtlasError(f"{symbol[:20]!r} is no element's symbol")


def _among(given: Any, allowed: Any, what: str) -> None:
    for one in given:
        if one not in allowed:
            listed = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(allowed)
            raise AtlasError(f"there is no {what} {str(one)[:40]!r}; there are {listed}")


def matching(table: pa.Table, query: Query, p_nontrivial: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows,) which rows are what is looked for."""
    kept = np.ones(len(table), dtype=bool)
    for part in fields(Query):
        value = getattr(query, part.name)
        if part.name in _TESTS and value not in (None, (), "", {}, (None, None)):
            kept &= _TESTS[part.name](table, value)
    return kept & between(p_nontrivial, query.p)


def between(numbers: Any, bounds: Range) -> NDArray[np.bool_]:
    """(rows,) whether numbers lie within bounds; NaN does, where there are none."""
    low, high = bounds
    kept = np.ones(len(numbers), dtype=bool)
    with np.errstate(invalid="ignore"):
        if low is not None:
            kept &= numbers >= low - 5e-7  # the numbers are rounded to float32
        if high is not None:
            kept &= numbers <= high + 5e-7
    return kept


def numeric(table: pa.Table, name: str) -> NDArray[np.float64]:
    """(rows,) a column of numbers; NaN where it is missing."""
    return np.asarray(pc.fill_null(table[name].cast(pa.float64()), math.nan))


def _text(table: pa.Table, text: str) -> NDArray[np.bool_]:
    text = text.strip()
    if not text:
        return np.ones(len(table), dtype=bool)
    if _ID.fullmatch(text):
        return np.asarray(pc.equal(table["id"], text))
    if "-" in text:
        symbols = [part for part in text.split("-") if part]
        _symbols(symbols)
        return _consists(table, symbols)
    wanted = composition(text)
    if wanted is None:
        raise AtlasError(f"{text!r} is no id (mp-541837), no formula (Bi2Se3) and no list of elements (Bi-Se)")
    inside = _consists(table, list(wanted))
    formulas = pc.take(table["formula"], pa.array(np.flatnonzero(inside)))
    same = [name for name in set(formulas.to_pylist()) if composition(name) == wanted]
    return inside & where(table["formula"], lambda names: pc.is_in(names, pa.array(same, pa.string())))


def _consists(table: pa.Table, symbols: list[str]) -> NDArray[np.bool_]:
    """Rows with exactly these elements."""
    only = f"^(?:{'|'.join(symbols)}|[0-9()])+$"
    inside = where(table["formula"], lambda names: pc.match_substring_regex(names, only))
    return inside & reduce(np.logical_and, (_has(table, symbol) for symbol in symbols))


def _has(table: pa.Table, symbol: str) -> NDArray[np.bool_]:
    return where(table["formula"], lambda names: pc.match_substring_regex(names, f"{symbol}(?:[^a-z]|$)"))


def composition(formula: str) -> dict[str, int] | None:
    """Element → atoms in the formula unit, without a common divisor; None where it is no formula.

    >>> composition("Ca(HO)2"), composition("Se6Bi4")
    ({'Ca': 1, 'H': 2, 'O': 2}, {'Se': 3, 'Bi': 2})
    """
    levels: list[dict[str, int]] = [{}]
    end = 0
    while part := _PART.match(formula, end):
        end = part.end()
        symbol, times, opened, times_all = part.groups()
        if opened:
            levels.append({})
        elif symbol is None:
            if len(levels) < 2:
                return None
            inner, factor = levels.pop(), int(times_all or 1)
            for name, number in inner.items():
                levels[-1][name] = levels[-1].get(name, 0) + factor * number
        else:
            levels[-1][symbol] = levels[-1].get(symbol, 0) + int(times or 1)
    (counts,) = levels if len(levels) == 1 else ({},)
    whole = math.gcd(*counts.values()) if counts else 0
    if end < len(formula) or not whole or any(name not in SYMBOLS[1:] for name in counts):
        return None
    return {name: number // whole for name, number in counts.items()}


def _classes(table: pa.Table, names: tuple[str, ...]) -> NDArray[np.bool_]:
    wanted = pa.array(five(names), pa.string())
    return where(table["label"], lambda x: pc.is_in(x, wanted)) | where(table["status"], lambda x: pc.is_in(x, wanted))


def _within(table: pa.Table, names: tuple[str, ...]) -> NDArray[np.bool_]:
    allowed = set(five(names))
    return where(table["set_90"], lambda x: pa.array([allowed.issuperset(s.split(SEPARATOR)) for s in x.to_pylist()]))


def _elements(table: pa.Table, symbols: tuple[str, ...]) -> NDArray[np.bool_]:
    return reduce(np.logical_and, (_has(table, symbol) for symbol in symbols))


def _none_of(table: pa.Table, symbols: tuple[str, ...]) -> NDArray[np.bool_]:
    known = np.asarray(pc.is_valid(table["formula"]))
    return known & ~reduce(np.logical_or, (_has(table, symbol) for symbol in symbols))


def _there(name: str) -> Any:
    return lambda table, wanted: np.asarray(pc.is_valid(table[name])) == wanted


_TESTS: dict[str, Any] = {
    "text": _text,
    "elements": _elements,
    "without": _none_of,
    "spacegroups": lambda table, value: np.isin(numeric(table, "spacegroup"), value),
    "classes": _classes,
    "p_of": lambda table, value: reduce(
        np.logical_and, (between(numeric(table, f"p_{name}"), bounds) for name, bounds in value.items())
    ),
    "within": _within,
    "novelty": lambda table, value: between(numeric(table, "novelty"), value),
    "domains": lambda table, value: where(table["domain"], lambda x: pc.is_in(x, pa.array(value, pa.string()))),
    "gap": lambda table, value: between(numeric(table, "sketch_gap"), value),
    "z4": lambda table, value: np.isin(numeric(table, "sketch_z4"), value),
    "atoms": lambda table, value: between(numeric(table, "n_atoms"), value),
    "known": _there("known_class"),
    "warned": _there("warnings"),
}
