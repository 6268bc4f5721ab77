// The sketch of the bands along the path: a drawing to point at, and the levels at special momenta as a table.

import { className, element } from "./names.js";

const KINDS = ["s", "p", "d", "f"];
const MARKS = {
  crossing: { sign: "✕", words: "bands must cross on this line" },
  degenerate: { sign: "○", words: "the filling ends inside a degenerate level" },
  inversion: { sign: "◇", words: "spin-orbit coupling exchanges levels of opposite parity" },
};
const MARGIN = { left: 46, right: 14, top: 12, bottom: 40 };

const minus = (text) => text.replace("-", "−");
export const volts = (energy, digits = 2) => `${minus(energy.toFixed(digits))} eV`;

// Colours of the style sheet as numbers.
function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  return { kinds: KINDS.map((kind) => rgb(read(`--${kind}`))), ink: read("--ink"), soft: read("--soft"), line: read("--line") };
}

function mixed(shares, colours) {
  const whole = shares.reduce((a, b) => a + b, 0) || 1;
  return `rgb(${[0, 1, 2].map((k) => Math.round(shares.reduce((sum, share, i) => sum + share * colours[i][k], 0) / whole)).join()})`;
}

export class BandPlot {
  constructor(container, readout) {
    this.container = container;
    this.readout = readout;
    this.canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "plot" });
    this.cursor = element("span", { class: "cursor", "aria-hidden": "true", hidden: "" });
    container.replaceChildren(this.canvas, this.cursor);
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(container);
  }

  // over: bands of a calculation on the same path, or null
  show(bands, { soc, half, over = null }) {
    const name = `Bands ${soc ? "with" : "without"} spin-orbit coupling along ${bands.ticks.map(([, label]) => label).join(" ")}. Arrow keys move from level to level.`;
    this.canvas.setAttribute("aria-label", name);
    Object.assign(this, { bands, soc, half, over, own: soc ? bands.soc : bands.plain, at: null });
    this.cursor.hidden = true;
    this.readout.textContent = "Point at a band, or use the arrow keys, to read a level.";
    this.draw();
  }

  x = (distance) => MARGIN.left + (distance / this.bands.distance.at(-1)) * (this.width - MARGIN.left - MARGIN.right);
  y = (energy) => MARGIN.top + ((this.half - energy) / (2 * this.half)) * (this.height - MARGIN.top - MARGIN.bottom);

  draw() {
    const { width, height } = this.container.getBoundingClientRect();
    if (!this.bands || !width) return;
    Object.assign(this, { width, height });
    const scale = window.devicePixelRatio;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const colours = palette();
    this.axes(pen, colours);
    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom);
    pen.clip();
    this.own.energy.forEach((energy, band) => this.line(pen, colours, energy, band));
    if (this.over) this.overlay(pen, colours);
    pen.restore();
    this.marks(pen, colours);
    if (this.at) this.place();
  }

  axes(pen, { ink, soft, line }) {
    const [left, right] = [MARGIN.left, this.width - MARGIN.right];
    const step = this.half > 3 ? 2 : this.half > 1 ? 1 : 0.5;
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (let e = -Math.floor(this.half / step) * step; e <= this.half; e += step) {
      pen.fillStyle = soft;
      pen.fillText(minus(String(e)), left - 8, this.y(e));
      pen.strokeStyle = line;
      pen.setLineDash(e === 0 ? [5, 4] : []);
      if (e === 0) pen.strokeStyle = soft;
      pen.beginPath();
      pen.moveTo(e === 0 ? left : left - 4, this.y(e));
      pen.lineTo(e === 0 ? right : left, this.y(e));
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.textAlign = "center";
    const ends = [-Infinity, -Infinity]; // of the last name in each of two rows
    for (const [distance, label] of this.bands.ticks) {
      pen.strokeStyle = line;
      pen.beginPath();
      pen.moveTo(this.x(distance), MARGIN.top);
      pen.lineTo(this.x(distance), this.height - MARGIN.bottom);
      pen.stroke();
      const half = pen.measureText(label).width / 2;
      const middle = Math.min(this.x(distance), this.width - half - 1);
      const row = middle - half > ends[0] + 4 ? 0 : 1;
      ends[row] = middle + half;
      pen.fillStyle = ink;
      pen.fillText(label, middle, this.height - MARGIN.bottom + 13 + 15 * row);
    }
    pen.save();
    pen.translate(10, (this.height - MARGIN.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillStyle = soft;
    pen.fillText("energy (eV)", 0, 0);
    pen.restore();
  }

  line(pen, { kinds }, energy, band) {
    const { distance, line } = this.bands;
    if (Math.min(...energy) > this.half || Math.max(...energy) < -this.half) return;
    pen.lineWidth = band < this.own.filled ? 2.4 : 1.1;
    const weights = this.own.weights[band];
    for (let k = 0; k + 1 < energy.length; k++) {
      if (line[k] !== line[k + 1]) continue;
      pen.strokeStyle = mixed(weights[k].map((share, i) => share + weights[k + 1][i]), kinds);
      pen.beginPath();
      pen.moveTo(this.x(distance[k]), this.y(energy[k]));
      pen.lineTo(this.x(distance[k + 1]) + 0.3, this.y(energy[k + 1]));
      pen.stroke();
    }
  }

  // Bands of a calculation along the same path.
  overlay(pen, { ink }) {
    const { distance, line, energy } = this.over;
    pen.strokeStyle = ink;
    pen.lineWidth = 0.9;
    for (const band of energy) {
      pen.beginPath();
      band.forEach((value, k) => {
        if (k && line[k] === line[k - 1]) pen.lineTo(this.x(distance[k]), this.y(value));
        else pen.moveTo(this.x(distance[k]), this.y(value));
      });
      pen.stroke();
    }
  }

  marks(pen, { ink }) {
    pen.strokeStyle = ink;
    pen.lineWidth = 1.8;
    for (const mark of this.bands.marks.filter((m) => m.soc === this.soc && Math.abs(m.energy) < this.half)) {
      for (const distance of mark.distance) {
        const [x, y, r] = [this.x(distance), this.y(mark.energy), 7];
        pen.beginPath();
        if (mark.kind === "degenerate") pen.arc(x, y, r, 0, 2 * Math.PI);
        else if (mark.kind === "inversion") [[0, -r], [r, 0], [0, r], [-r, 0], [0, -r]].forEach(([a, b]) => pen.lineTo(x + a, y + b));
        else for (const sign of [-1, 1]) {
          pen.moveTo(x - r, y - sign * r);
          pen.lineTo(x + r, y + sign * r);
        }
        pen.stroke();
      }
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const nearest = (values, away) => values.reduce((best, value, k) => (away(value) < away(values[best]) ? k : best), 0);
    const k = nearest(this.bands.distance, (distance) => Math.abs(this.x(distance) - x));
    const band = nearest(this.own.energy, (energy) => Math.abs(this.y(energy[k]) - y));
    this.read(k, band);
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    if (!this.at) return this.read(0, this.own.filled - 1);
    const within = (value, length) => Math.min(length - 1, Math.max(0, value));
    this.read(within(this.at.k + step[0], this.bands.distance.length), within(this.at.band + step[1], this.own.energy.length));
  }

  read(k, band) {
    this.at = { k, band };
    const { filled, energy, weights } = this.own;
    const place = band < filled ? `filled, number ${filled - band} below the filling` : `empty, number ${band - filled + 1} above the filling`;
    const shares = KINDS.map((kind, i) => [kind, weights[band][k][i]]).filter(([, share]) => share > 0);
    this.readout.textContent = `${this.where(k)}: ${volts(energy[band][k])}, ${place}; ${shares.map(([kind, share]) => `${kind} ${share} %`).join(", ")}`;
    this.place();
  }

  where(k) {
    const { distance, line, ticks } = this.bands;
    const [from, to] = [ticks[line[k]], ticks[line[k] + 1]];
    const share = (distance[k] - from[0]) / (to[0] - from[0]);
    const [first, last] = [from[1].split("|").at(-1), to[1].split("|")[0]];
    if (share < 0.001) return first;
    return share > 0.999 ? last : `${first}–${last}, ${Math.round(100 * share)} %`;
  }

  place() {
    const energy = this.own.energy[this.at.band][this.at.k];
    this.cursor.hidden = Math.abs(energy) > this.half;
    this.cursor.style.transform = `translate(-50%, -50%) translate(${this.x(this.bands.distance[this.at.k])}px, ${this.y(energy)}px)`;
  }
}

// What the sketch says, in sentences; a list of elements.
export function summary(bands) {
  const sentences = [];
  const indices = [bands.z4 == null ? "" : `z4 = ${bands.z4}, ${bands.weak ? "a weak index is odd" : "no weak index is odd"}`].filter(Boolean).join("");
  const says = bands.verdict ? `Taken at its word, the sketch says: ${className(bands.verdict)}${indices ? ` (${indices})` : ""}.` : "Its states allow no symmetry analysis.";
  sentences.push(element("p", {}, element("strong", { text: says }), ` ${bands.electrons / 2} bands are filled. Smallest direct gap on the path: ${volts(bands.gap)} without spin-orbit coupling, ${volts(bands.gap_soc)} with.`));
  const nearest = bands.nearest_exchange;
  if (nearest) sentences.push(element("p", { text: `A filled and an empty level of opposite parity are nearest at ${nearest.label}: ${volts(nearest.energy)} apart. An exchange of two such levels is a band inversion.` }));
  return sentences;
}

// The marks of one treatment in words, or null.
export function markList(bands, soc) {
  const shown = bands.marks.filter((mark) => mark.soc === soc);
  if (!shown.length) return [element("li", { text: `No inversion by spin-orbit coupling and no forced crossing ${soc ? "with" : "without"} it.` })];
  return shown.map(({ kind, label }) => element("li", {}, element("span", { class: "sign", "aria-hidden": "true", text: MARKS[kind].sign }), ` ${label}: ${MARKS[kind].words}`));
}

export function kindLegend(bands) {
  const used = KINDS.filter((_, i) => [bands.plain, bands.soc].some((own) => own.weights.some((band) => band.some((shares) => shares[i] > 5))));
  return used.map((kind) => element("li", {}, element("span", { class: `stroke ${kind}`, "aria-hidden": "true" }), kind));
}

export const overLegend = () => element("li", {}, element("span", { class: "stroke over", "aria-hidden": "true" }), "first principles");

// Levels with spin-orbit coupling at the momenta that symmetry fixes; the words above the table are in index.html.
export function levelTable(bands) {
  const heads = ["Momentum", "Highest filled levels (eV)", "Lowest empty levels (eV)", "Odd pairs", "Nearest exchange"];
  const lines = bands.points.map((point) => {
    const [filled, empty] = [point.levels.filter((level) => level.filled > 0), point.levels.filter((level) => level.filled === 0)];
    const [without, coupled] = point.odd_pairs;
    const pairs = coupled == null ? "" : without === coupled ? String(coupled) : `${without ?? "?"} → ${coupled}`;
    return element(
      "tr",
      point.inverted ? { class: "inverted" } : {},
      element("th", { scope: "row", text: point.label }),
      element("td", {}, ...filled.reverse().map((one) => level(one, point))),
      element("td", {}, ...empty.map((one) => level(one, point))),
      element("td", { text: pairs }),
      element("td", { text: point.exchange == null ? "" : volts(point.exchange) }),
    );
  });
  return [
    element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })))),
    element("tbody", {}, ...lines),
  ];
}

function level({ energy, dimension, coirrep, parity, filled }, point) {
  const sign = point.exchange == null ? "" : { 1: "+", [-1]: "−", 0: "±" }[parity];
  const half = filled > 0 && filled < 1 ? `, ${Math.round(100 * filled)} % filled` : "";
  return element("span", { class: "level" }, minus(energy.toFixed(2)), element("small", { text: ` ${dimension}${sign || ` no. ${coirrep}`}${half}` }));
}
