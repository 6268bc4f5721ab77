"""A small atlas for tests, made as the real one is: from the table of a screening."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from topofuse.atlas.card import OriginCard
from topofuse.atlas.file import from_predictions, write
from topofuse.labels import FIVE
from topofuse.screening.table import COLUMNS, schema

CARD = OriginCard(
    source="Materials Project",
    address="https://materialsproject.org/materials/{id}",
    attribution="structures: A. Jain et al.",
    licence="CC BY 4.0",
    model="full",
    identity="ab" * 32,
    features="cd" * 8,
    data="ef" * 32,
    date="2026-11-28",
    topofuse="0.1.0",
)


def predicted(name: str, formula: str, label: str | None = None, p: float = 0.0, **other) -> dict:
    """A row of a screening; p: of the label, the rest is trivial, or of ti where that is the label."""
    row = dict.fromkeys(COLUMNS) | {"input": name, "formula": formula, "spacegroup": 166, "n_atoms": 5}
    if label is None:
        return row | {"status": "metal", "reason": "odd", "domain": "odd_electrons", "warnings": ""} | other
    row |= {f"p_{one}": 0.0 for one in FIVE} | {"p_ti" if label == "trivial" else "p_trivial": 1 - p}
    row |= {f"p_{label}": p, "label": label, "status": "ok", "reason": "", "warnings": "", "domain": "in"}
    return (
        row | {"p_nontrivial": 1 - row["p_trivial"], "set_90": label, "set_95": f"{label}|tci", "novelty": 0.1} | other
    )


ROWS = (
    predicted("mp-10", "Bi2Se3", "ti", 0.9444, novelty=0.25, sketch_gap=0.31234, sketch_z4=1,
              nearest="mp-1 Bi2Te3 ti; a b Sb hsp_semimetal",
              known_class="ti", known_id="mp-10", known_source="Materiae MAT00000007"),
    predicted("mp-9", "SnTe", "tci", 0.9, spacegroup=225, n_atoms=2, sketch_gap=0.9, sketch_z4=0, set_90="ti|tci",
              warnings="small_gap: a gap of 0.9 eV; slab: it is = one"),
    predicted("mp-100", "SiO2", "trivial", 0.99, spacegroup=154, n_atoms=9, novelty=0.0, sketch_gap=7.5),
    predicted("mp-7", "Si", "trivial", 0.97, spacegroup=227, n_atoms=2, sketch_z4=0, sketch_gap=1.5),
    predicted("mp-8", "Ca(HO)2", "trivial", 0.6, set_90="trivial|ti", novelty=0.75),
    predicted("mp-11", "BiSe", "hsl_semimetal", 0.8, domain="likely_magnetic", warnings="magnetic: it may be"),
    predicted("mp-12", "Na"),
    {**dict.fromkeys(COLUMNS), "input": "mp-13", "status": "error", "reason": "atoms on top of each other"},
)  # fmt: skip


def small_atlas(path: Path, rows=ROWS, card: OriginCard = CARD) -> Path:
    """Write it."""
    write(path, from_predictions(pa.Table.from_pylist(list(rows), schema=schema())), card)
    return path
