"""What the bands modality is called, and its columns in words."""

from __future__ import annotations

from topofuse.modalities.words import Words, listed

_EDGE_PARTS = {"s": "s orbitals", "p": "p orbitals", "d": "d orbitals", "a": "anions"}
_TWICE = {
    "indirect_gap": "indirect gap (eV)", "point_gap_min": "smallest gap at a special momentum (eV)",
    "point_gap_second": "second smallest gap at a special momentum (eV)",
    "point_gap_mean": "mean gap at special momenta (eV)",
    "point_gap_open": "smallest open gap at a special momentum (eV)",
    "degenerate_points": "momenta where the filling ends inside a level",
    "degenerate_share": "share of momenta where the filling ends inside a level", "gamma_gap": "gap at Γ (eV)",
    "trim_gap": "smallest gap at a time-reversal-invariant momentum (eV)",
    "z4": "indicator z4", "weak": "weak index",
    "parity_spread": "range of odd pairs over the momenta", "rotoinversion": "rotoinversion indicator",
}  # fmt: skip
_COLUMNS = {
    "orbitals": "orbitals in the cell",
    "soc_opens_least": "largest loss of a gap to spin-orbit coupling (eV)",
    "soc_changes_most": "largest change of a gap by spin-orbit coupling (eV)",
    "exchange_min": "energy to the nearest exchange of parities (eV)",
    "exchange_mean": "mean energy to an exchange of parities (eV)",
    "exchange_gamma": "energy to an exchange of parities at Γ (eV)", "fermi_level": "Fermi level (eV)",
    "fermi_density_narrow": "states within 0.25 eV of the Fermi level",
    "fermi_density_wide": "states within 1 eV of the Fermi level",
    "fermi_bands": "bands that cross the Fermi level",
    "edge_width": "width of the bands at the filling (eV)", "charge_max": "most electrons gained by an atom",
    "charge_min": "most electrons lost by an atom",
}  # fmt: skip
_RULES = (
    (rf"({listed(_TWICE)})_soc", lambda m: f"{_TWICE[m[1]]}, with spin-orbit coupling"),
    (rf"({listed(_TWICE)})", lambda m: f"{_TWICE[m[1]]}, without spin-orbit coupling"),
    (r"(gamma|narrow)_(top|bottom)_([spda])", lambda m: (
        f"{_EDGE_PARTS[m[3]]} in the {'highest filled' if m[2] == 'top' else 'lowest empty'} band at "
        f"{'Γ' if m[1] == 'gamma' else 'the smallest gap'}"
    )),
)  # fmt: skip
_UNITS = (
    (r"\w*gap(?:_\w+)?|soc_(?:opens_least|changes_most)", "eV"),
    (r"exchange_\w+|fermi_level|edge_width", "eV"),
)
WORDS = Words("Sketch of the bands", "#e69f00", _COLUMNS, _RULES, prefix="sketch: ", units=_UNITS)
