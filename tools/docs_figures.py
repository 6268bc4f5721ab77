"""Draw the figures of the documents into docs/images: python tools/docs_figures.py

Everything is computed by the package: the cell, its neighbours, zone and path, the bands of the sketch, the answer of
the carried model. The same package gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import topofuse
from docs_schemes import draw_fusion, draw_inversion
from standing_svg import CARD, standing_svg
from topofuse.crystals import SymmetricCrystal, analyse
from topofuse.crystals.crystal import reciprocal
from topofuse.crystals.read import read_structure
from topofuse.modalities.crystal.graph import merged_edges
from topofuse.report.svg import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, VERMILION, inline_svg, styled
from topofuse.sketches import BandSketch
from topofuse.symmetry.zones import extended_bravais, momenta, path, written, zone

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
EXAMPLE = ROOT / "docs/examples/Bi2Se3.vasp"
NAMES = ("Bi", "Se (inner)", "Se (outer)")
SITES = (PURPLE, ORANGE, GREEN)  # colours of the three orbits of Bi2Se3
PER_LINE = 40  # momenta on each line of the band figure
WINDOW = 12  # levels on each side of the filling that are drawn with spin-orbit coupling


@cache
def example() -> SymmetricCrystal:
    """Bi2Se3, with the orbits in the order of `NAMES`."""
    return analyse(read_structure(EXAMPLE))


def _empty(ax: Axes) -> None:
    ax.set_axis_off()
    ax.set_aspect("equal")


# --- the crystal and its graph


def draw_layer(ax: Axes) -> None:
    """One quintuple layer of Bi2Se3, seen along a mirror plane's normal, with the bonds of the first shells."""
    crystal = example()
    cell = crystal.primitive
    shifts = np.array(np.meshgrid(*[range(-3, 4)] * 3, indexing="ij")).reshape(3, -1).T
    points = ((cell.frac_coords[None] + shifts[:, None]) @ cell.lattice).reshape(-1, 3)
    orbit = np.tile(crystal.orbits, len(shifts))
    axis = cell.lattice.sum(0) / np.linalg.norm(cell.lattice.sum(0))
    across = cell.lattice[1] - cell.lattice[0]
    normal = across / np.linalg.norm(across)  # the line of sight
    right = np.cross(axis, normal)
    x, y, depth = points @ right, points @ axis, points @ normal
    # the inner selenium is at the origin
    keep = (np.abs(y) < 4.2) & (np.abs(x) < 5.4) & (np.abs(depth) < 2.2)
    x, y, points, orbit = x[keep], y[keep], points[keep], orbit[keep]
    for i in range(len(x)):
        for j in range(i):
            if np.linalg.norm(points[i] - points[j]) < 3.2:
                ax.plot([x[i], x[j]], [y[i], y[j]], color=FAINT, linewidth=1.2, zorder=1)
    for site, colour in enumerate(SITES):
        at = orbit == site
        ax.scatter(x[at], y[at], s=90 if site == 0 else 50, color=colour, edgecolors=INK, linewidths=0.6, zorder=2)
    _empty(ax)


def draw_crystal_graph(ax: Axes) -> None:
    """A node per orbit of atoms; an edge says how many equal bonds of which length a site has to another."""
    crystal = example()
    place = {0: (0.0, 0.0), 1: (-2.1, 2.5), 2: (2.1, 2.5)}
    for target, source, length, count in zip(*merged_edges(crystal), strict=True):
        if target > source or (target == source == 2 and count == 6) or (target == source == 1):
            continue  # the other direction; second shells, for clarity
        (x, y), (u, v) = place[int(target)], place[int(source)]
        text = f"{count:.0f} × {length:.2f} Å"
        if target == source:
            below = -1.0 if target == 0 else 1.0
            ax.plot(*_loop(x, y + 0.62 * below, 0.45), color=FAINT, linewidth=1.2, zorder=1)
            ax.text(x, y + 1.32 * below, text, ha="center", va="center", fontsize=8)
        else:
            ax.plot([x, u], [y, v], color=FAINT, linewidth=1.2, zorder=1)
            ax.text((x + u) / 2, (y + v) / 2, text, ha="center", va="center", fontsize=8, backgroundcolor=CARD)
    for site, (x, y) in place.items():
        ax.scatter([x], [y], s=620, color=SITES[site], edgecolors=INK, linewidths=0.6, zorder=2)
        ax.text(x + (0.62 if site != 1 else -0.62), y, f"{NAMES[site]}\n× {crystal.orbit_sizes[site]}", fontsize=8.5,
                ha="left" if site != 1 else "right", va="center")  # fmt: skip
    ax.set_xlim(-4.6, 4.6)
    ax.set_ylim(-1.7, 4.2)
    _empty(ax)


def _loop(x: float, y: float, radius: float) -> tuple[NDArray, NDArray]:
    angle = np.linspace(0, 2 * np.pi, 40)
    return x + radius * np.cos(angle), y + radius * np.sin(angle)


# --- the Brillouin zone and its graph


def _zone_path() -> list[tuple[str, NDArray, str, NDArray]]:
    """(label, momentum, label, momentum) of each line of the path; momenta in reciprocal lattice units."""
    crystal = example()
    symbol = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    points = momenta(symbol, crystal.centering, crystal.conventional_lattice)
    return [(a, points[a], b, points[b]) for a, b in path(symbol)]


def draw_zone(ax: Axes, labels: bool = True) -> None:
    """The Brillouin zone with the special momenta and the lines between them."""
    from pymatgen.core import Lattice

    lattice = example().primitive.lattice
    to_cartesian = reciprocal(lattice)
    axis = lattice.sum(0) / np.linalg.norm(lattice.sum(0))
    first = to_cartesian[0] - (to_cartesian[0] @ axis) * axis
    first /= np.linalg.norm(first)
    turn, tilt = np.deg2rad(64), np.deg2rad(24)
    east = np.cos(turn) * first + np.sin(turn) * np.cross(axis, first)
    towards = np.cross(east, axis)
    north = np.cos(tilt) * axis + np.sin(tilt) * -towards
    eye = np.cross(east, north)
    for face in Lattice(to_cartesian).get_wigner_seitz_cell():
        corners = np.array(face)
        outward = corners.mean(0) @ eye > 0
        x, y = corners @ east, corners @ north
        ax.plot([*x, x[0]], [*y, y[0]], color=INK if outward else FAINT, linewidth=0.9 if outward else 0.5,
                linestyle="-" if outward else (0, (2, 2)), zorder=2 if outward else 1)  # fmt: skip
    shown: dict[str, NDArray] = {}
    for a, begin, b, end in _zone_path():
        ends = np.array([begin, end]) @ to_cartesian
        ax.plot(ends @ east, ends @ north, color=BLUE, linewidth=1.6, zorder=3)
        shown |= {a: ends[0], b: ends[1]}
    for label, at in shown.items():
        ax.scatter([at @ east], [at @ north], s=18, color=VERMILION, zorder=4)
        if labels and "_" not in label:  # those that symmetry fixes
            ax.annotate(written(label), (at @ east, at @ north), (4, 3), textcoords="offset points", fontsize=9)
    _empty(ax)


def draw_zone_graph(ax: Axes) -> None:
    """The graph of the zone: momenta with the order of their little co-group, lines as edges."""
    crystal = example()
    symbol = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    found = zone(crystal.spacegroup, symbol)
    place = {"GAMMA": (0, 0), "T": (0, 1.6), "H_0": (-2.0, 1.6), "L": (-2.0, 0), "S_0": (1.0, -1.5), "F": (2.0, 0),
             "M_0": (2.0, 1.6)}  # fmt: skip
    beside = {"GAMMA": (-0.1, -0.38), "L": (0, -0.38), "F": (0.35, -0.38)}  # the others carry their text above
    for _, _, i, j, _ in found.lines:
        (x, y), (u, v) = place[found.labels[i]], place[found.labels[j]]
        ax.plot([x, u], [y, v], color=BLUE, linewidth=1.6, zorder=1)
    for label, trim, group in zip(found.labels, found.trim, found.nodes, strict=True):
        x, y = place[label]
        ax.scatter([x], [y], s=560, color=VERMILION if trim else CARD, edgecolors=VERMILION, linewidths=1.5, zorder=2)
        ax.text(x, y, written(label), ha="center", va="center", fontsize=9, color=CARD if trim else INK)
        dimensions = ", ".join(f"{n} × {d}" for d, n in group.double.items())
        right, up = beside.get(label, (0, -0.38 if label == "S_0" else 0.38))
        ax.text(x + right, y + up, f"|G| = {group.order}\n{dimensions}", ha="center", va="bottom" if up > 0 else "top",
                fontsize=7.5, linespacing=1.25)  # fmt: skip
    ax.set_xlim(-2.8, 2.9)
    ax.set_ylim(-2.6, 2.7)
    _empty(ax)


# --- the bands


@cache
def sketch() -> BandSketch:
    """The tight-binding sketch of the example."""
    return topofuse.sketch(example(), per_line=PER_LINE)


def draw_bands(ax: Axes, spin_orbit: bool, title: str, half: float = 5.0) -> float:
    """Bands along the path, energies from the middle of the gap; returns the gap between the sampled levels, eV."""
    found = sketch()
    lines, ticks = found.lines, found.ticks
    distance = lines.distance
    energy, filled = (lines.energy_soc, lines.filled_soc) if spin_orbit else (lines.energy, lines.filled)
    top, bottom = energy[:, filled - 1].max(), energy[:, filled].min()
    energy = energy - (top + bottom) / 2
    near = range(max(0, filled - WINDOW), filled + WINDOW) if spin_orbit else range(energy.shape[1])
    for band in near:
        ax.plot(distance, energy[:, band], color=BLUE if band < filled else VERMILION, linewidth=1.1)
    for at, _ in ticks:
        ax.axvline(at, color=FAINT, linewidth=0.5)
    ax.set_xticks([at for at, _ in ticks], [label for _, label in ticks])
    ax.set_xlim(0, distance[-1])
    ax.set_ylim(-half, half)
    ax.set_title(f"{title}: gap {bottom - top:.2f} eV")
    return float(bottom - top)


# --- the answer


def draw_answer(ax: Axes) -> None:
    """What the carried model says of the example."""
    from topofuse.ensemble.bundle import open_bundle
    from topofuse.labels import FIVE

    p = open_bundle().predict_proba([example()])[0]
    names = ("trivial", "semimetal (point)", "semimetal (line)", "TI", "TCI")
    rows = np.arange(len(FIVE))[::-1]
    ax.barh(rows, p, color=[FAINT, *[VERMILION] * 4], height=0.36)
    for row, name, value in zip(rows, names, p, strict=True):
        ax.text(0, row + 0.24, f"{name}  {100 * value:.0f} %", fontsize=8, va="bottom")
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.6, len(FIVE) - 0.1)
    ax.set_axis_off()


# --- the figures


def _figure(width: float, height: float, ratios: tuple[float, ...]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(1, len(ratios), width_ratios=ratios)
    return figure, list(np.atleast_1d(axes))


def band_inversion() -> tuple[Figure, str]:
    """Three panels: in order, touching, inverted."""
    figure, axes = _figure(7.0, 2.5, (1, 1, 1))
    for ax, mass, title in zip(axes, (-0.9, 0.0, 1.2), ("in order: trivial", "touching", "inverted at Γ"), strict=True):
        draw_inversion(ax, mass, title)
    axes[0].set_ylabel("energy")
    axes[2].plot([], [], color=BLUE, label="even")
    axes[2].plot([], [], color=VERMILION, linestyle=(0, (3, 1.2)), label="odd")
    axes[2].legend(loc="upper center", ncols=2, handlelength=1.6)
    return figure, "Two bands of opposite parity in order, touching, and inverted at the zone centre"


def crystal_graph() -> tuple[Figure, str]:
    """The layer and its graph."""
    figure, (left, right) = _figure(7.0, 2.9, (1.15, 1))
    draw_layer(left)
    draw_crystal_graph(right)
    return figure, "A quintuple layer of Bi2Se3, and its graph: three nodes, one for each kind of site, and their bonds"


def brillouin_zone() -> tuple[Figure, str]:
    """The zone and its graph."""
    figure, (left, right) = _figure(7.0, 3.3, (1, 1.1))
    draw_zone(left)
    draw_zone_graph(right)
    return figure, "Brillouin zone of Bi2Se3 with its special momenta and lines, and the graph of these"


def bands() -> tuple[Figure, str]:
    """Without and with spin-orbit coupling."""
    figure, (left, right) = _figure(7.0, 3.1, (1, 1))
    gaps = [draw_bands(left, False, "without spin-orbit coupling"), draw_bands(right, True, "with")]
    left.set_ylabel("energy, eV")
    title = "Sketch of the bands of Bi2Se3: the gap is {:.2f} eV without spin-orbit coupling, {:.2f} with"
    return figure, title.format(*gaps)


def fusion() -> tuple[Figure, str]:
    """The network's scheme."""
    figure, (ax,) = _figure(9.2, 3.5, (1,))
    draw_fusion(ax)
    return figure, "Five views are encoded, attend to each other, are classified; trees read the same columns; a blend"


def views() -> tuple[Figure, str]:
    """One crystal as the package sees it, and its answer."""
    figure, axes = _figure(8.6, 2.3, (1.1, 0.8, 1.15, 0.8))
    draw_layer(axes[0])
    draw_zone(axes[1], labels=False)
    draw_bands(axes[2], True, "bands")
    draw_answer(axes[3])
    axes[2].set_title("a sketch of its bands")
    axes[2].set_yticks([])
    axes[0].set_title("a crystal: Bi₂Se₃")
    axes[1].set_title("its Brillouin zone")
    axes[3].set_title("the answer")
    return (
        figure,
        "Bi2Se3: its crystal, its Brillouin zone, a sketch of its bands, the probabilities of the five classes",
    )


FIGURES: dict[str, Callable[[], tuple[Figure, str]]] = {
    "band-inversion": band_inversion,
    "crystal-graph": crystal_graph,
    "brillouin-zone": brillouin_zone,
    "bands": bands,
    "fusion": fusion,
    "views": views,
}


def drawn(name: str) -> str:
    """The SVG file of a figure."""
    with styled():
        figure, title = FIGURES[name]()
        return standing_svg(inline_svg(figure, name), title)


def main() -> None:
    """Write every figure."""
    for name in FIGURES:
        (IMAGES / f"{name}.svg").write_text(drawn(name), encoding="utf-8")
    print(f"wrote {', '.join(FIGURES)} to {IMAGES}")


if __name__ == "__main__":
    main()
