"""Crystal graph: a node per orbit of atoms, an edge per group of equivalent bonds.

Symmetry-equivalent atoms have equal embeddings in an invariant network, so one node per orbit, weighted
by its size when pooled, gives what all the atoms would give. Likewise an edge stands for `count` bonds of
one length from one site to the sites of one orbit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.pointgroups import point_group_of
from topofuse.modalities.base import Modality, Part

MERGE_TOLERANCE = 0.01  # Å; bonds closer in length than this, between the same orbits, are one edge
N_RADIAL_BINS = 16
_RADIAL_EDGES = np.linspace(0.95, 2.25, N_RADIAL_BINS + 1)

TABLE_NAMES: tuple[str, ...] = (
    "n_orbits",
    "n_atoms",
    "mean_nearest",
    "min_nearest",
    "max_nearest",
    "std_nearest",
    "mean_first_shell_size",
    "min_first_shell_size",
    "max_first_shell_size",
    "mean_shell_gap",
    "mean_n_shells",
    "like_neighbour_share",
    "mean_log_site_order",
    "max_log_site_order",
    *(f"radial_{i}" for i in range(N_RADIAL_BINS)),
)


def merged_edges(
    crystal: SymmetricCrystal,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Target orbit, source orbit, mean distance (Å) and count of every group of equivalent bonds."""
    near = crystal.neighbours
    source = crystal.orbits[near.atom]
    order = np.lexsort((near.distance, source, near.centre))
    target, source, distance = near.centre[order], source[order], near.distance[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (np.diff(target) != 0) | (np.diff(source) != 0) | (np.diff(distance) > MERGE_TOLERANCE)
    first = np.flatnonzero(starts)
    count = np.diff(np.append(first, len(order)))
    return target[first], source[first], np.add.reduceat(distance, first) / count, count


def extract(crystal: SymmetricCrystal) -> Part:
    """Arrays of the crystal graph; see the module's docstring and `base`."""
    target, source, distance, count = merged_edges(crystal)
    n_atoms = len(crystal.primitive)
    weight = crystal.orbit_sizes / n_atoms
    # order of the site-symmetry group, up to the order of the point group: 1 / orbit size
    log_site_order = np.log2(point_group_of(crystal.spacegroup).order / crystal.orbit_sizes)
    return {
        "table": _table(crystal, weight, log_site_order)[None].astype(np.float32),
        "node.number": crystal.orbit_numbers.astype(np.int32),
        "node.weight": weight.astype(np.float32),
        "node.features": np.stack([np.log(crystal.orbit_sizes), log_site_order], axis=1).astype(np.float32),
        "edge.source": source.astype(np.int32),
        "edge.target": target.astype(np.int32),
        "edge.distance": distance.astype(np.float32),
        "edge.count": count.astype(np.float32),
    }


def _table(
    crystal: SymmetricCrystal, weight: NDArray[np.float64], log_site_order: NDArray[np.float64]
) -> NDArray[np.float64]:
    near = crystal.neighbours
    m = crystal.n_orbits
    first = np.searchsorted(near.centre, np.arange(m))
    nearest = np.minimum.reduceat(near.distance, first)
    ratio = near.distance / nearest[near.centre]
    in_first_shell = ratio < 1.15
    shell_size = np.bincount(near.centre, in_first_shell, minlength=m)
    beyond = np.where(in_first_shell, np.inf, ratio)
    gap = np.minimum(np.minimum.reduceat(beyond, first), 3.0)
    farthest = np.maximum.reduceat(ratio, first)
    like = np.bincount(
        near.centre,
        in_first_shell & (crystal.primitive.numbers[near.atom] == crystal.orbit_numbers[near.centre]),
        minlength=m,
    )
    histogram = np.histogram(ratio, _RADIAL_EDGES, weights=weight[near.centre])[0]
    mean = float(weight @ nearest)
    return np.array(
        [
            m,
            len(crystal.primitive),
            mean,
            nearest.min(),
            nearest.max(),
            np.sqrt(max(float(weight @ nearest**2) - mean**2, 0.0)),
            weight @ shell_size,
            shell_size.min(),
            shell_size.max(),
            weight @ gap,
            weight @ farthest,
            weight @ (like / shell_size),
            weight @ log_site_order,
            log_site_order.max(),
            *histogram,
        ]
    )


CRYSTAL = Modality(
    name="crystal",
    version=1,
    extract=extract,
    table_names=TABLE_NAMES,
    index_arrays={"edge.source": "node", "edge.target": "node"},
)
