"""What the columns of the symmetry indicators are called in words."""

from __future__ import annotations

from topofuse.modalities.indicators.features import BLURS
from topofuse.modalities.words import Words

_NOMINAL: dict[str, str] = {
    "orbitals": "orbitals in the cell of the sketch",
    "verdict": "class that the sketch's symmetry analysis gives (0 trivial, 1 hsp, 2 hsl, 3 ti, 4 tci)",
    "cut_share": "share of special momenta where the filling cuts a degenerate level",
    "broken": "compatibility relations are broken",
    "order": "order of the symmetry indicator",
    "z4": "strong index z4",
    "weak": "a weak index is odd",
}
_SOFT: dict[str, str] = {
    "p_trivial": "probability of trivial",
    "p_hsp": "probability that the filling cuts a degenerate level",
    "p_hsl": "probability of a crossing on a line",
    "p_ti": "probability of a topological insulator",
    "p_tci": "probability of a topological crystalline insulator",
    "broken": "probability of broken compatibility relations if no level is cut",
    "z4_0": "probability of z4 = 0 if gapped",
    "z4_1": "probability of z4 = 1 if gapped",
    "z4_2": "probability of z4 = 2 if gapped",
    "z4_3": "probability of z4 = 3 if gapped",
    "weak": "probability of an odd weak index if gapped",
    "weak_only": "probability of an odd weak index with z4 = 0 if gapped",
    "nontrivial": "probability of a non-trivial indicator if gapped",
    "ti_share": "share of strong among topological insulators",
    "entropy": "entropy of the five probabilities",
}
_COLUMNS: dict[str, str] = {
    **_NOMINAL,
    **{
        f"{name}_{suffix}": f"{words}, levels blurred by {blur:g} eV"
        for suffix, blur in BLURS.items()
        for name, words in _SOFT.items()
    },
}
WORDS = Words("Symmetry analysis of the sketched bands", "#56b4e9", _COLUMNS)
