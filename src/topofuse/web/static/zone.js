// The Brillouin zone: a translucent polyhedron with momenta, their names, and the path between them.

import * as THREE from "./three/three.module.min.js";
import { balls, rods, styleColour } from "./view.js";

// What `View.show` takes. zone: of /api/structure; path, labels: whether to draw them.
export function zonePicture(zone, { path, labels }) {
  const vertices = zone.vertices.map((v) => new THREE.Vector3(...v));
  const points = zone.points.map((p) => new THREE.Vector3(...p.position));
  const radius = Math.max(...vertices.map((v) => v.length()));
  const group = new THREE.Group();
  group.add(hull(zone.faces, vertices), rods(outline(zone.faces, vertices), 0.0055 * radius));
  const accent = styleColour("--accent");
  const path_ = zone.path.filter(([a, b]) => points[a].distanceTo(points[b]) > 1e-6);
  if (path) group.add(rods(path_.map(([a, b]) => [points[a], points[b], accent]), 0.013 * radius));
  group.add(balls(points.map((p) => [p, 0.03 * radius, accent])));
  const names = points.map((p, k) => {
    const outward = p.length() > 1e-6 ? p.clone().setLength(p.length() + 0.1 * radius) : new THREE.Vector3(0.07, -0.07, 0).multiplyScalar(radius);
    return { text: zone.points[k].label, position: outward, kind: "momentum" };
  });
  return { group, radius: 1.08 * radius, labels: labels ? names : [] };
}

function hull(faces, vertices) {
  const corners = [];
  for (const [first, ...rest] of faces) {
    for (let k = 0; k + 1 < rest.length; k++) corners.push(vertices[first], vertices[rest[k]], vertices[rest[k + 1]]);
  }
  const shape = new THREE.BufferGeometry().setFromPoints(corners);
  shape.computeVertexNormals();
  const surface = { color: styleColour("--zone"), transparent: true, opacity: 0.2, side: THREE.DoubleSide, depthWrite: false };
  return new THREE.Mesh(shape, new THREE.MeshLambertMaterial(surface));
}

function outline(faces, vertices) {
  const colour = styleColour("--edge");
  const seen = new Map();
  for (const ring of faces) {
    ring.forEach((from, k) => {
      const to = ring[(k + 1) % ring.length];
      seen.set(`${Math.min(from, to)}-${Math.max(from, to)}`, [vertices[from], vertices[to], colour]);
    });
  }
  return [...seen.values()];
}
