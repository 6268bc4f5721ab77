// Probability against novelty, as cells that are stronger the more materials they hold; a rectangle can be drawn in it.

import { className, CLASSES, element } from "./names.js";

const MARGIN = { left: 46, right: 12, top: 12, bottom: 40 };
const SMALLEST = 3; // cells; a click chooses as many around it

export class Scatter {
  // chosen(p, novelty): a person chose these bounds, [low, high] each
  constructor(place, readout, chosen) {
    this.canvas = element("canvas", { tabindex: "-1", role: "img" });
    place.append(this.canvas);
    this.readout = readout;
    this.chosen = chosen;
    this.found = { size: 1, cells: [] };
    this.from = this.to = null;
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.end(event));
    this.canvas.addEventListener("pointercancel", () => this.drop());
    this.canvas.addEventListener("pointerleave", () => this.read(null));
    new ResizeObserver(() => this.draw()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(found) {
    this.found = found;
    this.byPlace = new Map(found.cells.map((cell) => [`${cell[0]} ${cell[1]}`, cell]));
    const n = found.cells.reduce((sum, cell) => sum + cell[2], 0);
    this.canvas.setAttribute("aria-label", `${n.toLocaleString("en")} materials by novelty and probability of being non-trivial; the table below lists them`);
    this.draw();
    this.read(null);
  }

  // pixels of a place of the plot; both from 0 to 1
  at(across, up) {
    const { left, right, top, bottom } = MARGIN;
    return [left + across * (this.width - left - right), this.height - bottom - up * (this.height - top - bottom)];
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x0, y0] = this.at(0, 0);
    const [x1, y1] = this.at(1, 1);
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - box.left - x0) / (x1 - x0)), within((event.clientY - box.top - y0) / (y1 - y0))];
  }

  begin(event) {
    this.from = this.to = this.place(event);
    if (event.pointerType === "mouse") this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    this.to = this.place(event);
    this.read(this.to);
    if (this.from) this.draw();
  }

  end(event) {
    if (!this.from) return;
    this.to = this.place(event);
    const bounds = [0, 1].map((axis) => this.bounds(this.from[axis], this.to[axis]));
    this.drop();
    this.chosen(bounds[1], bounds[0]);
  }

  drop() {
    this.from = null;
    this.draw();
  }

  // whole cells; a click or a thin rectangle is widened
  bounds(one, other) {
    const { size } = this.found;
    let low = Math.floor(Math.min(one, other) * size);
    let high = Math.ceil(Math.max(one, other) * size);
    while (high - low < SMALLEST && (low > 0 || high < size)) {
      low = Math.max(0, low - 1);
      high = Math.min(size, high + 1);
    }
    return [low / size, high / size].map((x) => Number(x.toFixed(3)));
  }

  read(place) {
    const { size } = this.found;
    const cell = place && this.byPlace?.get(place.map((x) => Math.min(size - 1, Math.floor(x * size))).join(" "));
    this.readout.textContent = cell
      ? `${cell[2].toLocaleString("en")} ${cell[2] === 1 ? "material" : "materials"} at novelty ${(cell[0] / size).toFixed(2)} to ${((cell[0] + 1) / size).toFixed(2)}, ` +
        `probability ${(cell[1] / size).toFixed(2)} to ${((cell[1] + 1) / size).toFixed(2)}; ${cell[2] > 1 ? "most are " : ""}${className(cell[3])}`
      : "Stronger colour: more materials. Click, or draw a rectangle, to list those in it.";
  }

  draw() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    if (!box.width) return;
    const scale = devicePixelRatio;
    [this.width, this.height] = [box.width, box.height];
    this.canvas.width = Math.round(box.width * scale);
    this.canvas.height = Math.round(box.height * scale);
    const ctx = this.canvas.getContext("2d");
    ctx.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.axes(ctx, colour);
    const most = Math.log1p(Math.max(1, ...this.found.cells.map((cell) => cell[2])));
    for (const [i, j, n, label] of this.found.cells) {
      const { size } = this.found;
      const [x0, y0] = this.at(i / size, (j + 1) / size);
      const [x1, y1] = this.at((i + 1) / size, j / size);
      ctx.globalAlpha = 0.25 + 0.75 * (Math.log1p(n) / most);
      ctx.fillStyle = colour(CLASSES[label].colour);
      ctx.fillRect(x0 + 0.5, y0 + 0.5, Math.max(1.5, x1 - x0 - 1), Math.max(1.5, y1 - y0 - 1));
    }
    ctx.globalAlpha = 1;
    if (this.from && this.to) {
      const [x0, y0] = this.at(...this.from);
      const [x1, y1] = this.at(...this.to);
      ctx.strokeStyle = colour("ink");
      ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  }

  axes(ctx, colour) {
    ctx.font = "12px system-ui, sans-serif";
    ctx.fillStyle = colour("soft");
    ctx.strokeStyle = colour("line");
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      const [x, bottom] = this.at(value, 0);
      const [left, y] = this.at(0, value);
      ctx.beginPath();
      ctx.moveTo(...this.at(value, 0));
      ctx.lineTo(...this.at(value, 1));
      ctx.moveTo(...this.at(0, value));
      ctx.lineTo(...this.at(1, value));
      ctx.stroke();
      ctx.textAlign = "center";
      ctx.fillText(String(value), x, bottom + 15);
      ctx.textAlign = "right";
      ctx.fillText(String(value), left - 6, y + 4);
    }
    ctx.textAlign = "center";
    const [middle, low] = this.at(0.5, 0);
    ctx.fillText("Novelty: farther from the training materials →", middle, low + 32);
    ctx.save();
    ctx.translate(12, this.at(0, 0.5)[1]);
    ctx.rotate(-Math.PI / 2);
    ctx.fillText("p(non-trivial) →", 0, 0);
    ctx.restore();
  }
}
