// Atoms, bonds and cell edges of a crystal.

import * as THREE from "./three/three.module.min.js";
import { balls, rods, styleColour } from "./view.js";

export const MOST_ATOMS = 4000; // drawn at a time
const EDGE = 1e-3; // an atom this near to a face of the cell is drawn on the opposite one too

const ballRadius = (element) => 0.14 + 0.32 * element.radius;

// What `View.show` takes. cell: of /api/structure; times: supercell; bonds, edges: whether to draw them.
export function crystalPicture(cell, elements, { times, bonds, edges }) {
  const axes = cell.lattice.map((row) => new THREE.Vector3(...row));
  const at = (x, y, z) => new THREE.Vector3().addScaledVector(axes[0], x).addScaledVector(axes[1], y).addScaledVector(axes[2], z);
  const middle = at(times / 2, times / 2, times / 2);
  const colours = elements.map((element) => new THREE.Color(element.colour).lerp(new THREE.Color(0x9aa0a6), 0.18));
  const placed = place(cell.positions, times, (...x) => at(...x).sub(middle));
  const group = new THREE.Group();
  const each = [...placed.values()].map(({ atom, where }) => {
    const kind = cell.species[atom];
    return [where, ballRadius(elements[kind]), colours[kind]];
  });
  group.add(balls(each));
  if (bonds) group.add(bondRods(cell, placed, colours));
  if (edges) group.add(rods(cellEdges(times, at, middle), 0.028, {}));
  const labels = ["a", "b", "c"].map((text, k) => {
    const end = [0, 0, 0];
    end[k] = times + 1 / axes[k].length();
    return { text, position: at(...end).sub(middle), kind: "axis" };
  });
  const corners = [...each.map(([where, r]) => where.length() + r), at(0, 0, 0).sub(middle).length()];
  return { group, radius: Math.max(...corners, ...labels.map((l) => l.position.length())), labels: edges ? labels : [] };
}

// Every atom of the supercell, and its copies on the far faces, by 'atom|cell'.
function place(positions, times, at) {
  const placed = new Map();
  const cells = (x) => {
    const found = Array.from({ length: times }, (_, n) => n);
    if (x < EDGE) found.push(times);
    if (x > 1 - EDGE) found.unshift(-1);
    return found;
  };
  positions.forEach(([x, y, z], atom) => {
    for (const i of cells(x)) for (const j of cells(y)) for (const k of cells(z)) {
      placed.set(key(atom, i, j, k), { atom, cell: [i, j, k], where: at(x + i, y + j, z + k) });
    }
  });
  return placed;
}

const key = (atom, i, j, k) => `${atom}|${i},${j},${k}`;

// Half a rod in the colour of each end.
function bondRods(cell, placed, colours) {
  const of = new Map();
  cell.bonds.forEach((bond) => of.set(bond[0], [...(of.get(bond[0]) ?? []), bond]));
  const pairs = [];
  for (const { atom, cell: [i, j, k], where } of placed.values()) {
    for (const [, to, a, b, c] of of.get(atom) ?? []) {
      const other = placed.get(key(to, i + a, j + b, k + c));
      if (!other) continue;
      const half = where.clone().add(other.where).multiplyScalar(0.5);
      pairs.push([where, half, colours[cell.species[atom]]], [half, other.where, colours[cell.species[to]]]);
    }
  }
  return rods(pairs, 0.11);
}

function cellEdges(times, at, middle) {
  const colour = styleColour("--edge");
  const pairs = [];
  for (let i = 0; i <= times; i++) for (let j = 0; j <= times; j++) {
    pairs.push([[i, j, 0], [i, j, times]], [[i, 0, j], [i, times, j]], [[0, i, j], [times, i, j]]);
  }
  return pairs.map(([from, to]) => [at(...from).sub(middle), at(...to).sub(middle), colour]);
}
