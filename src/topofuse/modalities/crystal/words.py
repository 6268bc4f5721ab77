"""What the crystal modality is called, and its columns in words."""

from __future__ import annotations

from topofuse.modalities.words import STATISTICS, Words, listed

_STATISTIC = listed(STATISTICS)
_COLUMNS = {
    "n_orbits": "inequivalent sites", "n_atoms": "atoms in the primitive cell",
    "like_neighbour_share": "share of nearest neighbours of the same element",
    "mean_shell_gap": "gap behind the first shell of neighbours",
    "mean_n_shells": "distance of the farthest neighbour over the nearest",
    "std_nearest": "spread of nearest distances",
    "mean_log_site_order": "mean order of the site symmetries (log2)",
    "max_log_site_order": "highest order of a site symmetry (log2)",
}  # fmt: skip
_RULES = (
    (r"radial_(\d+)", lambda m: f"neighbours at {0.95 + 0.08125 * int(m[1]):.2f} to "
                                f"{1.03125 + 0.08125 * int(m[1]):.2f} times the nearest distance"),
    (rf"({_STATISTIC})_nearest", lambda m: f"nearest distance, {STATISTICS[m[1]]} (Å)"),
    (rf"({_STATISTIC})_first_shell_size", lambda m: f"nearest neighbours, {STATISTICS[m[1]]}"),
)  # fmt: skip
WORDS = Words("Graph of the atoms", "#0072b2", _COLUMNS, _RULES, units=((r"\w+_nearest", "Å"),))
