"""Write src/topofuse/crystals/elements.csv, what the features know about each element, and the page's web/colours.csv.

Sources: pymatgen's element data (electronegativities of Pauling, radii of Slater, ionisation energies
and LDA orbital energies of NIST, oxidation states), ASE's covalent radii (Cordero et al., 2008), and
spin-orbit constants computed here in a screened potential fitted to the orbital energies. Colours are VESTA's, as
pymatgen lists them.

Run once, by hand: python tools/make_element_table.py
"""

from __future__ import annotations

import csv
import math
import re
import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from pymatgen.core import Element
from ruamel.yaml import YAML
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

from topofuse.crystals.formula import SYMBOLS

TARGET = Path(__file__).parents[1] / "src/topofuse/crystals/elements.csv"
COLOURS = Path(__file__).parents[1] / "src/topofuse/web/colours.csv"
HARTREE = 27.211386  # eV
ALPHA = 1 / 137.035999
L_OF = {"s": 0, "p": 1, "d": 2, "f": 3}


def screened_potential(z: int, r: np.ndarray, stretch: float) -> np.ndarray:
    """Potential energy (hartree) of an electron at r (bohr): Thomas-Fermi, its length scaled by `stretch`.

    The fit of the Thomas-Fermi function is Latter's, Phys. Rev. 99, 510 (1955). His tail -1/r is left out: the
    tabulated energies are LDA's, whose potential has none (with the tail, In and Tl come out five times too small).
    """
    x = r * z ** (1 / 3) / 0.88534 / stretch
    screening = 1 / (
        1 + 0.02747 * x**0.5 + 1.243 * x - 0.1486 * x**1.5 + 0.2302 * x**2 + 0.007298 * x**2.5 + 0.006944 * x**3
    )
    return -z * screening / r


def radial_state(z: int, n: int, ell: int, stretch: float) -> tuple[float, float]:
    """Energy (hartree) of the orbital nl and its ⟨(1/r) dV/dr⟩ (atomic units), non-relativistic."""
    # not closer to the nucleus: the kinetic energy of the grid (1/h²r²) would drown the eigenvalue in rounding
    x = np.linspace(math.log(1e-2 / z), math.log(60.0), 700)
    r, h = np.exp(x), x[1] - x[0]
    potential = screened_potential(z, r, stretch)
    # u = sqrt(r) y turns the radial equation into -y''/2 + ((l+1/2)²/2 + r² V) y = E r² y on the grid of ln r
    diagonal = (1 / h**2 + 0.5 * (ell + 0.5) ** 2) / r**2 + potential
    off = -0.5 / h**2 / (r[1:] * r[:-1])
    index = n - ell - 1
    energy, vectors = eigh_tridiagonal(diagonal, off, select="i", select_range=(index, index))
    density = vectors[:, 0] ** 2  # |u|² dr = y² r² dx, and the eigenvector is r y
    return float(energy[0]), float((density * np.gradient(potential, r) / r).sum() / density.sum())


def spin_orbit_constant(z: int, n: int, ell: int, energy: float) -> float:
    """ζ(nl) = α²/2 ⟨(1/r) dV/dr⟩, eV, in the screened potential that gives the orbital its tabulated energy (eV)."""
    if math.isnan(energy):
        return math.nan
    target = energy / HARTREE
    stretch = brentq(lambda t: radial_state(z, n, ell, math.exp(t))[0] - target, -1.5, 1.5, xtol=1e-4)
    return 0.5 * ALPHA**2 * radial_state(z, n, ell, math.exp(stretch))[1] * HARTREE


def optional(element: Element, name: str) -> float:
    """A number that pymatgen may lack: NaN then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = getattr(element, name)
    return math.nan if value is None else float(value)


def outer_electrons(element: Element) -> dict[str, int]:
    """Electrons in the chemically active shells: ns, np, (n-1)d for groups 3-12, (n-2)f for lanthanides, actinides."""
    n, z = element.row, element.Z
    shells = {(k, ell): count for k, ell, count in element.full_electronic_structure}
    rare = 57 <= z <= 70 or 89 <= z <= 102
    in_d_block = (n >= 4 and 3 <= element.group <= 12) or rare or z in (71, 103)
    return {
        "s": shells.get((n, "s"), 0),
        "p": shells.get((n, "p"), 0),
        "d": shells.get((n - 1, "d"), 0) if in_d_block else 0,
        "f": shells.get((n - 2, "f"), 0) if rare else 0,
    }


def row(z: int) -> dict[str, object]:
    """One line of the table."""
    e = Element.from_Z(z)
    n, outer = e.row, outer_electrons(e)
    active = {"s": n, "p": n, "d": n - 1, "f": n - 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # nothing is tabulated beyond uranium; its levels stand in
        levels = e.atomic_orbitals or Element("U").atomic_orbitals
        ionic = e.ionic_radii or {}
    energies = {ell: levels.get(f"{active[ell]}{ell}", math.nan / HARTREE) * HARTREE for ell in "spdf"}
    soc = {ell: spin_orbit_constant(z, active[ell], L_OF[ell], energies[ell]) for ell in "pdf"}
    cations = [r for q, r in ionic.items() if q > 0]
    anions = [r for q, r in ionic.items() if q < 0]
    energies_1_3 = [*e.ionization_energies, math.nan, math.nan, math.nan][:3]
    block = {"s": 0, "p": 1, "d": 2, "f": 3}[e.block]
    capacity = {0: 2, 1: 8, 2: 12, 3: 16}[block]
    count = outer["s"] + (0 if block == 0 else outer["p"] if block == 1 else outer["d"] + outer["f"])
    numbers: dict[str, object] = {
        "z": z,
        "symbol": e.symbol,
        "chi": optional(e, "X"),
        "mass": float(e.atomic_mass),
        "mendeleev": optional(e, "mendeleev_no"),
        "r_atomic": optional(e, "atomic_radius"),
        "r_covalent": float(covalent_radii[z]) if covalent_radii[z] != 0.2 else math.nan,
        "r_metallic": optional(e, "metallic_radius"),
        "r_vdw": optional(e, "van_der_waals_radius"),
        "r_cation": sum(cations) / len(cations) if cations else math.nan,
        "r_anion": sum(anions) / len(anions) if anions else math.nan,
        **{f"ie{i + 1}": value if value is not None else math.nan for i, value in enumerate(energies_1_3)},
        "affinity": optional(e, "electron_affinity"),
        "period": n,
        "group": e.group,
        "block": block,
        **{f"n_{ell}": outer[ell] for ell in "spdf"},
        "n_outer": sum(outer.values()),
        "filling": count / capacity,
        "t_melt": optional(e, "melting_point"),
        "molar_volume": optional(e, "molar_volume"),
        **{f"e_{ell}": energies[ell] for ell in "spdf"},
        **{f"soc_{ell}": soc[ell] for ell in "pdf"},
    }
    for key, states in (
        ("ox_common", e.common_oxidation_states),
        ("ox_icsd", e.icsd_oxidation_states),
        ("ox_all", e.oxidation_states),
    ):
        numbers[key] = " ".join(str(int(q)) for q in sorted(states))
    return numbers


def write_colours() -> None:
    """VESTA's colours (K. Momma, F. Izumi, J. Appl. Cryst. 44, 1272 (2011))."""
    text = (files("pymatgen.core") / "ElementColorSchemes.yaml").read_text(encoding="utf-8")
    table = YAML(typ="safe").load(text)["VESTA"]
    lines = ["{},#{:02x}{:02x}{:02x}\n".format(symbol, *table[symbol]) for symbol in SYMBOLS[1:]]
    COLOURS.write_text("symbol,colour\n" + "".join(lines), encoding="ascii")


def main() -> None:
    """Write the tables."""
    write_colours()
    rows = [row(z) for z in range(1, 104)]
    with TARGET.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(rows[0])
        for line in rows:
            writer.writerow([tidy(value) for value in line.values()])


def tidy(value: object) -> str:
    """Five significant figures; NaN is an empty field."""
    if isinstance(value, float):
        return "" if math.isnan(value) else re.sub(r"\.0$", "", f"{value:.5g}")
    return str(value)


if __name__ == "__main__":
    main()
