"""What the kspace modality is called, and its columns in words."""

from __future__ import annotations

from topofuse.modalities.words import Words

_COLUMNS = {
    "zone": "shape of the Brillouin zone", "momenta": "special momenta", "lines": "lines between special momenta",
    "trims": "time-reversal-invariant momenta", "centric_trims": "time-reversal-invariant momenta with inversion",
    "fourfold_trims": "time-reversal-invariant momenta where every level is four-fold",
    "double_gcd_lcm": "electrons that every special momentum can fill",
    "double_min_max": "largest forced degeneracy",
    "double_max": "largest degeneracy that occurs", "double_max_min": "degeneracy that occurs at every momentum",
    "multiplet_momenta": "momenta with levels of more than two states",
    "single_min_max": "largest forced degeneracy without spin",
    "single_max": "largest degeneracy without spin", "line_irreps_mean": "kinds of levels on a line, mean",
    "line_irreps_max": "kinds of levels on a line, most",
    "lines_that_cross": "share of lines on which bands may cross",
    "line_double_min_max": "largest forced degeneracy on a line", "line_double_max": "largest degeneracy on a line",
    "smallest_orbit": "smallest orbit of the space group", "orbit_kinds": "kinds of orbits of the space group",
    "atomic_filling": "filling of all atomic insulators of the space group",
    "indicator_order": "order of the symmetry-indicator group", "indicator_factors": "symmetry indicators",
    "indicator_largest": "largest symmetry indicator", "representations": "independent band representations",
    "electrons_mod_atomic": "electrons beyond a multiple of the atomic filling",
    "electrons_over_atomic": "electrons over the atomic filling",
    "electrons_mod_smallest": "electrons modulo twice the smallest orbit of the group",
    "violates_atomic_limit": "no atomic insulator has this filling",
    "mod_occupied": "electrons modulo twice the occupied orbits' common divisor",
    "occupied_gcd": "twice the common divisor of the occupied orbits",
    "violates_occupied": "no atomic insulator on the occupied sites has this filling",
    "double_unfilled": "momenta where the electrons cannot fill whole levels",
    "double_unfilled_share": "share of momenta where the electrons cannot fill whole levels",
    "double_unfilled_star": "momenta where the electrons cannot fill whole levels, by their number in the star",
    "single_unfilled": "momenta where pairs cannot fill whole levels without spin",
    "single_unfilled_share": "share of momenta where pairs cannot fill whole levels without spin",
    "lines_unfilled": "share of lines on which the electrons cannot fill whole levels",
    "lines_single_unfilled": "share of lines on which pairs cannot fill whole levels without spin",
    "worst_rest": "electrons left over at the worst momentum", "rest_of_lcm": "electrons left over at all momenta",
    "largest_rest": "electrons modulo the largest degeneracy",
    "inside": "momenta where free electrons end inside a shell",
    "inside_share": "share of momenta where free electrons end inside a shell",
    "inside_star": "momenta where free electrons end inside a shell, by their number in the star",
    "inside_gamma": "free electrons end inside a shell at Γ",
    "gap_min": "smallest gap of free electrons", "gap_mean": "mean gap of free electrons",
    "gap_indirect": "indirect gap of free electrons", "gap_gamma": "gap of free electrons at Γ",
    "shell_max": "largest shell of free electrons at the filling",
    "shell_gamma": "shell of free electrons at the filling at Γ",
    "level_spread": "spread of the free-electron level",
    "density_mean": "free-electron levels near the filling, mean",
    "density_max": "free-electron levels near the filling, most", "first_zone": "nearest zone face (log)",
}  # fmt: skip
_RULES = ((r"electrons_mod_(\d+)", lambda m: f"valence electrons modulo {m[1]}"),)
WORDS = Words("Brillouin zone", "#d55e00", _COLUMNS, _RULES)
