// A picture in three dimensions that is drawn when something changed, turned by mouse, finger or arrow keys.

import * as THREE from "./three/three.module.min.js";

const STEP = Math.PI / 24; // of an arrow key

// The orientation that several views share, so that they turn together.
export class Orientation {
  constructor(start) {
    this.start = start;
    this.rotation = start.clone();
    this.views = [];
  }

  turn(x, y) {
    const about = new THREE.Quaternion().setFromEuler(new THREE.Euler(y, x, 0));
    this.rotation.premultiply(about).normalize();
    this.changed();
  }

  reset() {
    this.rotation.copy(this.start);
    this.views.forEach((view) => (view.zoom = 1));
    this.changed();
  }

  changed() {
    this.views.forEach((view) => view.draw());
  }
}

export class View {
  // Throws where the browser has no WebGL.
  constructor(container, orientation, name) {
    this.container = container;
    this.orientation = orientation;
    this.zoom = 1;
    this.renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.canvas = this.renderer.domElement;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "3D view");
    this.name(name);
    this.overlay = document.createElement("div");
    this.overlay.className = "overlay";
    this.overlay.setAttribute("aria-hidden", "true");
    container.replaceChildren(this.canvas, this.overlay);
    this.scene = new THREE.Scene();
    this.camera = new THREE.OrthographicCamera(-1, 1, 1, -1, 0.1, 10);
    this.light();
    this.group = new THREE.Group();
    this.scene.add(this.group);
    this.labels = [];
    this.radius = 1;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(container);
    orientation.views.push(this);
  }

  name(text) {
    this.canvas.setAttribute("aria-label", text);
  }

  light() {
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0x8d949c, 1.9));
    const key = new THREE.DirectionalLight(0xffffff, 1.9);
    key.position.set(-0.6, 1, 1.2);
    this.scene.add(key);
  }

  // Content in a group around the origin; radius: of the sphere that holds it; labels: {text, position, kind}.
  show({ group, radius, labels }) {
    this.scene.remove(this.group);
    this.group.traverse((part) => {
      part.geometry?.dispose();
      part.material?.dispose();
    });
    this.group = group;
    this.scene.add(group);
    this.radius = radius;
    this.overlay.replaceChildren();
    this.labels = labels.map(({ text, position, kind }) => {
      const span = document.createElement("span");
      span.textContent = text;
      span.className = kind;
      this.overlay.append(span);
      return { span, position };
    });
    this.draw();
  }

  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.render();
    });
  }

  render() {
    const width = this.container.clientWidth;
    const height = this.container.clientHeight;
    if (!width || !height) return;
    this.renderer.setSize(width, height);
    const reach = (1.12 * this.radius) / this.zoom;
    const [across, up] = width > height ? [(reach * width) / height, reach] : [reach, (reach * height) / width];
    Object.assign(this.camera, { left: -across, right: across, top: up, bottom: -up, near: 0.1, far: 20 * this.radius });
    this.camera.position.set(0, 0, 10 * this.radius);
    this.camera.updateProjectionMatrix();
    this.camera.updateMatrixWorld();
    this.group.quaternion.copy(this.orientation.rotation);
    this.group.updateMatrixWorld();
    this.renderer.render(this.scene, this.camera);
    const placed = [];
    const seen = this.labels.map((label) => ({ span: label.span, size: (label.size ??= [label.span.offsetWidth, label.span.offsetHeight]), at: label.position.clone().applyQuaternion(this.orientation.rotation).project(this.camera) }));
    for (const { span, at, size } of seen.sort((a, b) => a.at.z - b.at.z)) {
      const [x, y] = free(placed, ((at.x + 1) / 2) * width, ((1 - at.y) / 2) * height, size);
      span.style.transform = `translate(-50%, -50%) translate(${x}px, ${y}px)`;
    }
  }

  listen() {
    const fingers = new Map();
    let spread = 0;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 1) {
        this.orientation.turn((event.clientX - before[0]) * 0.008, (event.clientY - before[1]) * 0.008);
      } else {
        const [one, other] = [...fingers.values()];
        const now = Math.hypot(one[0] - other[0], one[1] - other[1]);
        if (spread) this.zoomBy(now / spread);
        spread = now;
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, (event) => {
        fingers.delete(event.pointerId);
        spread = 0;
      });
    }
    // a page that scrolls past must not be caught: the wheel zooms when the picture has the focus
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        if (document.activeElement !== this.canvas) return;
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY * 0.001));
      },
      { passive: false },
    );
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const turns = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (turns[event.key]) this.orientation.turn(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.15);
    else if (event.key === "-") this.zoomBy(1 / 1.15);
    else if (event.key === "0") this.orientation.reset();
    else return;
    event.preventDefault();
  }

  zoomBy(factor) {
    this.zoom = Math.min(8, Math.max(0.4, this.zoom * factor));
    this.draw();
  }
}

// The place nearest to (x, y) where a label of this size covers none that is placed already; those nearer to the eye are.
function free(placed, x, y, [width, height]) {
  const covers = (a, b) => placed.some((other) => Math.abs(other.x - a) < (other.width + width) / 2 && Math.abs(other.y - b) < (other.height + height) / 2);
  let best = [x, y];
  search: for (let reach = 0; reach < 60; reach += 6) {
    const steps = reach ? 12 : 1;
    for (let k = 0; k < steps; k++) {
      const turn = (2 * Math.PI * k) / steps;
      const [a, b] = [x + reach * Math.cos(turn), y + reach * Math.sin(turn)];
      if (covers(a, b)) continue;
      best = [a, b];
      break search;
    }
  }
  placed.push({ x: best[0], y: best[1], width, height });
  return best;
}

// Rods from point to point, as one object; pairs: [from, to, colour]
export function rods(pairs, thickness, material = {}) {
  const shape = new THREE.CylinderGeometry(thickness, thickness, 1, 14, 1);
  const mesh = new THREE.InstancedMesh(shape, new THREE.MeshPhongMaterial({ shininess: 30, ...material }), pairs.length);
  const up = new THREE.Vector3(0, 1, 0);
  const matrix = new THREE.Matrix4();
  pairs.forEach(([from, to, colour], index) => {
    const along = to.clone().sub(from);
    const length = along.length();
    const turn = new THREE.Quaternion().setFromUnitVectors(up, along.divideScalar(length || 1));
    matrix.compose(from.clone().add(to).multiplyScalar(0.5), turn, new THREE.Vector3(1, length, 1));
    mesh.setMatrixAt(index, matrix);
    mesh.setColorAt(index, colour);
  });
  return mesh;
}

// Balls as one object; each: [centre, radius, colour]
export function balls(each, material = {}) {
  const shape = new THREE.SphereGeometry(1, 32, 20);
  const mesh = new THREE.InstancedMesh(shape, new THREE.MeshPhongMaterial({ shininess: 55, specular: 0x333333, ...material }), each.length);
  const matrix = new THREE.Matrix4();
  each.forEach(([centre, radius, colour], index) => {
    matrix.makeScale(radius, radius, radius).setPosition(centre);
    mesh.setMatrixAt(index, matrix);
    mesh.setColorAt(index, colour);
  });
  return mesh;
}

// A colour of the page's style sheet.
export const styleColour = (name) => new THREE.Color(getComputedStyle(document.documentElement).getPropertyValue(name).trim());
