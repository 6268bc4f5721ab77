"""The Brillouin zone as a polyhedron, with the momenta and lines of the k-space graph."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from scipy.spatial import Voronoi

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.crystal import reciprocal
from topofuse.symmetry.filling import zone_facts
from topofuse.symmetry.zones import TRICLINIC, labelled_momenta, written, zone


def brillouin_zone(crystal: SymmetricCrystal) -> dict[str, Any]:
    """What a picture of the zone needs; lengths in Å⁻¹ with 2π, axes as those of `crystal.primitive`.

    reciprocal (3, 3) rows; vertices and faces of the polyhedron (`wigner_seitz`); shape: the extended Bravais symbol;
    electrons: valence electrons of the primitive cell; points: what `symmetry.filling.MomentumFacts` says of each, with
    its position and its coordinates in the reciprocal basis; path: pairs of points.
    """
    symbol, where = labelled_momenta(crystal)
    table = zone(crystal.spacegroup, symbol)
    basis = reciprocal(crystal.primitive.lattice)
    facts = zone_facts(crystal)
    nodes = {label: node for a, b, i, j, _ in table.lines for label, node in ((a, i), (b, j))}
    labels = [*table.labels, *sorted(set(nodes) - set(table.labels))]
    nodes |= {label: node for node, label in enumerate(table.labels)}
    points = []
    for label in labels:
        k, node = np.asarray(where[label], dtype=np.float64), nodes[label]
        if symbol == TRICLINIC:  # named by halves of a basis that may be skew: the equivalent one inside the zone
            k = _shortest(k, basis)
        place = {"label": written(label), "position": (k @ basis).tolist(), "coordinates": k.tolist()}
        points.append(asdict(facts.momenta[node]) | place)
    vertices, faces = wigner_seitz(basis)
    return {
        "shape": symbol,
        "electrons": facts.electrons,
        "reciprocal": basis.tolist(),
        "vertices": vertices.tolist(),
        "faces": faces,
        "points": points,
        "path": [[labels.index(a), labels.index(b)] for a, b, *_ in table.lines],
    }


def wigner_seitz(lattice: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[list[int]]]:
    """Vertices (v, 3) and faces, each a ring of vertex numbers, of all that is nearer to the origin than to any
    other point of the lattice (3, 3), rows. Of the reciprocal lattice it is the first Brillouin zone.
    """  # fmt: skip
    basis = _reduced(lattice)
    # two steps of a Niggli-reduced basis reach beyond every face
    steps = np.array(sorted(product(range(-2, 3), repeat=3), key=lambda n: sum(map(abs, n))))
    diagram = Voronoi(steps @ basis)
    scale = np.abs(np.linalg.det(basis)) ** (1 / 3)
    vertices: list[NDArray[np.float64]] = []
    faces: list[list[int]] = []
    for (one, other), ring in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if 0 not in (one, other):
            continue
        normal = diagram.points[max(one, other)]
        corners = _ring(diagram.vertices[ring], normal / np.linalg.norm(normal), 1e-5 * scale)
        if len(corners) < 3:
            continue  # the neighbour touches the zone in an edge or a corner only
        face = []
        for corner in corners:
            at = next((i for i, v in enumerate(vertices) if np.abs(v - corner).max() < 1e-5 * scale), len(vertices))
            if at == len(vertices):
                vertices.append(corner)
            face.append(at)
        faces.append(face)
    return np.array(vertices), faces


def _ring(corners: NDArray[np.float64], normal: NDArray[np.float64], same: float) -> list[NDArray[np.float64]]:
    """Corners of a convex face, once each, anticlockwise as seen from outside."""
    distinct: list[NDArray[np.float64]] = []
    for corner in corners:
        if all(np.abs(corner - other).max() > same for other in distinct):
            distinct.append(corner)
    centre = np.mean(distinct, axis=0)
    x = distinct[0] - centre
    y = np.cross(normal, x)
    return sorted(distinct, key=lambda corner: np.arctan2((corner - centre) @ y, (corner - centre) @ x))


def _reduced(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    reduced = spglib.niggli_reduce(lattice.tolist(), eps=1e-5)
    return lattice if reduced is None else np.asarray(reduced, dtype=np.float64)


def _shortest(k: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """The momentum equivalent to `k`, both in the reciprocal basis, that is nearest to the origin."""
    to_reduced = basis @ np.linalg.inv(_reduced(basis))
    inside = k @ to_reduced
    inside -= np.round(inside)
    near = np.array([inside + step for step in product((-1, 0, 1), repeat=3)]) @ np.linalg.inv(to_reduced)
    return np.asarray(near[np.argmin(np.round(((near @ basis) ** 2).sum(1), 9))], dtype=np.float64)
