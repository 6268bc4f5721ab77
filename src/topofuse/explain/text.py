"""An explanation as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from topofuse.explain.contents import Answer, Contents
from topofuse.labels import FIVE
from topofuse.modalities.material import SketchFacts
from topofuse.symmetry.filling import ZoneFacts
from topofuse.tightbinding.sketch import NoSketch

_BAR = 24  # characters of the longest bar


def as_text(explanation: Contents) -> str:
    """Some forty lines, at most about 110 characters wide."""
    return "\n".join(line.rstrip() for line in _lines(explanation))


def _lines(explanation: Contents) -> Iterator[str]:
    place = f"{explanation.formula}, space group {explanation.symbol} ({explanation.spacegroup})"
    yield f"{explanation.source}: {place}" if explanation.source else place
    if explanation.answer is not None and explanation.answer.columns.get("known_class"):
        yield _known(explanation.answer)
    if explanation.experiment:
        yield f"experiment: {explanation.experiment}"
    if explanation.answer is None:
        yield f"metal: {explanation.domain_reason}"
    else:
        yield from _answer(explanation.answer)
        yield "domain: " + explanation.domain + (f" ({explanation.domain_reason})" if explanation.domain_reason else "")
    yield from (f"warning, {warning}" for warning in explanation.warnings)
    if explanation.answer is not None:
        yield from ("", "Modalities: p(non-trivial) with all of them, minus p(non-trivial) without this one")
        strongest = max((abs(part.change) for part in explanation.modalities), default=0.0)
        for part in explanation.modalities:
            trees = "" if part.trees_log_odds is None else f"   trees {part.trees_log_odds:+.2f}"
            bar = _bar(part.change, strongest)
            yield f"  {part.name:<8} {part.change:+.3f}  {bar}without it {part.p_without:.3f}{trees}"
        yield from _features(explanation)
        yield from _attention(explanation)
    yield from ("", "Brillouin zone and filling (from symmetry and the number of electrons; nothing is learned)")
    yield from _zone(explanation.zone)
    yield from ("", "Band sketch (tight binding from free-atom tables; nothing is learned; its gaps are far too wide)")
    yield from _sketch(explanation.sketch)
    yield from _sketch_columns(explanation)


def _known(answer: Answer) -> str:
    columns = answer.columns
    links = f": {columns['known_link']}" if columns["known_link"] else ""
    where = f" ({columns['known_source']})" if columns["known_source"] else ""
    return f"known: {columns['known_class']}{where}, this is the training material {columns['known_id']}{links}"


def _answer(answer: Answer) -> Iterator[str]:
    yield f"{answer.label}: p(non-trivial) = {answer.p_nontrivial:.3f}"
    yield "  " + "  ".join(f"{name} {answer.probabilities[name]:.3f}" for name in FIVE)
    columns = answer.columns
    if "set_90" in columns:
        yield f"prediction set at 90 %: {columns['set_90'].replace('|', ', ')}"
    if "novelty" in columns:
        yield f"novelty: {columns['novelty']:.3f}; nearest training materials: {columns['nearest']}"


def _bar(value: float, largest: float) -> str:
    length = round(_BAR * abs(value) / largest) if largest > 0 else 0
    return ("+" if value > 0 else "-") * length + " " * (_BAR + 1 - length)


def _features(explanation: Contents) -> Iterator[str]:
    if not explanation.features:
        return
    yield from (
        "",
        f"Strongest columns of the boosted trees: what they add to the log-odds of non-trivial "
        f"(start {explanation.trees_start:+.2f})",
    )
    for part in explanation.features:
        value = "undefined" if part.value is None else f"{part.value:.4g}"
        yield f"  {part.log_odds:+.3f}  {part.words} = {value}  [{part.modality}]"


def _attention(explanation: Contents) -> Iterator[str]:
    if explanation.attention is None:
        return
    names = explanation.attention.names
    for title, rows in (
        ("to the other modalities", explanation.attention.between),
        ("to all modalities", explanation.attention.over),
    ):
        if rows is None:
            continue
        yield from ("", f"Attention {title}, mean over heads, layers and networks")
        yield " " * 11 + "".join(f"{name:>9}" for name in names)
        for name, row in zip(names, rows, strict=True):
            yield f"  {name:<9}" + "".join(f"{share:9.2f}" for share in row)


def _zone(zone: ZoneFacts) -> Iterator[str]:
    kind = "can" if zone.atomic_limit else "cannot"
    yield (
        f"  {zone.electrons} valence electrons; atomic insulators of this space group have a "
        f"multiple of {zone.atomic_filling}: this crystal {kind} be one"
    )
    group = " x ".join(f"Z{order}" for order in zone.indicators)
    yield f"  symmetry indicators with spin-orbit coupling: {group or 'none'}"
    for momentum in zone.momenta:
        levels = ", ".join(f"{n} of dimension {d}" for d, n in momentum.dimensions.items())
        kind = "time-reversal-invariant" if momentum.time_reversal_invariant else ""
        fits = "" if momentum.fits else "the electrons cannot fill whole levels here: no gap"
        yield f"  {momentum.label:<8} levels: {levels:<34} {kind:<24} {fits}"
    yield f"  the electrons can fill whole levels on {zone.lines_that_fit} of {zone.lines} lines between these momenta"


def _sketch(sketch: SketchFacts | NoSketch) -> Iterator[str]:
    if isinstance(sketch, NoSketch):
        yield f"  none: {sketch.sentence}"
        return
    yield f"  with spin-orbit coupling: {sketch.verdict}"
    indicators = [f"z4 = {sketch.z4}"] if sketch.z4 is not None else []
    indicators += [f"rotoinversion = {sketch.rotoinversion}"] if sketch.rotoinversion is not None else []
    yield "; ".join([f"  smallest gap at a special momentum {sketch.point_gap:.2f} eV", *indicators])


def _sketch_columns(explanation: Contents) -> Iterator[str]:
    """What the trees read in the sketch: its numbers, not only its verdict."""
    if isinstance(explanation.sketch, NoSketch):
        return
    for part in explanation.modalities:
        if part.from_sketch and part.columns:
            named = (f"{c.words} = {'undefined' if c.value is None else f'{c.value:.4g}'} ({c.log_odds:+.2f})"
                     for c in part.columns)  # fmt: skip
            yield from textwrap.wrap(f"the trees take most from ({part.name}): " + "; ".join(named), 108,
                                     initial_indent="  ", subsequent_indent="    ")  # fmt: skip
