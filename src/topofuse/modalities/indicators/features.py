"""The symmetry analysis of the band sketch as one table row: the verdict, and its probabilities with blurred levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.features import CHEAP_ORBITALS, is_costly
from topofuse.modalities.base import Costly, Modality, Part
from topofuse.symmetry import RepresentationError, SymmetryTable, diagnose, soft_verdict, symmetry_table
from topofuse.symmetry.diagnosis import TCI, TI
from topofuse.tightbinding.sketch import NoSketch, Sketch, shared_sketch_of
from topofuse.tightbinding.states import star_levels
from topofuse.tightbinding.threads import linear_algebra

BLURS: dict[str, float] = {"15": 0.15, "30": 0.3, "60": 0.6}  # eV, by the suffix of the columns
_NOMINAL = ("orbitals", "verdict", "cut_share", "broken", "order", "z4", "weak")
CLASSES = ("p_trivial", "p_hsp", "p_hsl", "p_ti", "p_tci")  # in the order of `labels.FIVE`
_Z4 = ("z4_0", "z4_1", "z4_2", "z4_3")
_SOFT = (*CLASSES, "broken", *_Z4, "weak", "weak_only", "nontrivial", "ti_share", "entropy")
TABLE_NAMES = (*_NOMINAL, *(f"{name}_{suffix}" for suffix in BLURS for name in _SOFT))
_DECIMALS = 4
_GAPPED = 0.01  # of a smaller probability, shares mean nothing
_FEW = 0.002  # added to both probabilities of a share that would otherwise be 0 / 0
_TINY = 1e-12


def extract(crystal: SymmetricCrystal) -> Part:
    """One row of the symmetry analysis, named `TABLE_NAMES`; NaN where there is no sketch.

    What the columns mean is told in `words.py`. verdict: index into `labels.FIVE`; broken, order, z4 and weak are
    undefined where the question does not arise (a level is cut; bands are incompatible; no inversion).
    Columns with a suffix are probabilities when every degenerate level without spin-orbit coupling, and what spin-orbit
    coupling makes of it, moves by a Gaussian error with that standard deviation, in hundredths of an eV. "If gapped":
    among fillings that cut no level and whose bands are compatible; undefined where these are rarer than 1 %.
    """
    with linear_algebra().limit(limits=1):
        sketch = shared_sketch_of(crystal)
        columns = {} if isinstance(sketch, NoSketch) else _row(sketch, symmetry_table(crystal.spacegroup))
    row = np.array([columns.get(name, np.nan) for name in TABLE_NAMES], dtype=np.float64)
    return {"table": (np.round(row, _DECIMALS) + 0.0)[None].astype(np.float32)}


def _row(sketch: Sketch, table: SymmetryTable) -> dict[str, float]:
    size = {"orbitals": float(sketch.basis.size)}
    try:
        stars = star_levels(sketch, table)
    except RepresentationError:  # atoms so close that their orbitals are dependent: undefined, as without a sketch
        return size
    levels, rigid = [star.levels for star in stars], [star.rigid for star in stars]
    electrons = 2 * sketch.filled
    nominal = diagnose(table, levels, electrons)
    columns = size | {"verdict": float(nominal.verdict), "cut_share": len(nominal.cut) / len(table.stars)}
    if nominal.compatible is not None:
        columns["broken"] = float(not nominal.compatible)
    if nominal.indicator is not None:
        columns["order"] = float(np.lcm.reduce(table.orders // np.gcd(table.orders, nominal.indicator), initial=1))
    if nominal.z4 is not None and nominal.weak is not None:
        columns |= {"z4": float(nominal.z4), "weak": float(nominal.weak)}
    soft = soft_verdict(table, levels, rigid, electrons, tuple(BLURS.values()))
    for i, suffix in enumerate(BLURS):
        part = _soft_columns(table, soft.classes[:, i], soft.indicator[:, i], soft.cut[i], soft.broken[i])
        columns |= {f"{name}_{suffix}": value for name, value in part.items()}
    return columns


def _soft_columns(
    table: SymmetryTable, classes: NDArray[np.float64], indicator: NDArray[np.float64], cut: float, broken: float
) -> dict[str, float]:
    columns = dict(zip(CLASSES, classes.tolist(), strict=True))
    columns["ti_share"] = float((classes[TI] + _FEW) / (classes[TI] + classes[TCI] + 2 * _FEW))
    columns["entropy"] = float(-(classes * np.log(classes + _TINY)).sum())
    if 1 - cut > _GAPPED:
        columns["broken"] = float(broken / (1 - cut))
    gapped = float(indicator.sum())
    if gapped > _GAPPED:
        share = indicator / gapped
        columns["nontrivial"] = 1 - float(share[0])
        if table.inversion:
            columns |= {name: float(share[table.z4 == z].sum()) for z, name in enumerate(_Z4)}
            columns["weak"] = float(share[table.weak == 1].sum())
            columns["weak_only"] = float(share[(table.weak == 1) & (table.z4 == 0)].sum())
    return columns


def _costly_rows(table: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(table[:, TABLE_NAMES.index("orbitals")] > CHEAP_ORBITALS)  # no sketch: undefined, not costly


INDICATORS = Modality("indicators", 3, extract, TABLE_NAMES, costly=Costly(is_costly, _costly_rows), from_sketch=True)
