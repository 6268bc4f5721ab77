// Everything the page says about one material: verdict, probabilities, trust, pictures, momenta.

import { Quaternion, Euler } from "./three/three.module.min.js";
import * as api from "./api.js";
import { MOST_ATOMS, crystalPicture } from "./crystal.js";
import { CLASSES, LEVELS, className, element, formula, percent, spaceGroup } from "./names.js";
import { Orientation, View } from "./view.js";
import { explanation } from "./why.js";
import { zonePicture } from "./zone.js";

const $ = (id) => document.getElementById(id);
const DOMAINS = {
  in: "Inside: a non-magnetic material, as in the training data",
  likely_magnetic: "Likely magnetic: the training data have no magnetic materials",
  odd_electrons: "Odd number of electrons: a metal, to which no class applies",
  unseen_element: "Contains an element that no training material has",
};

export class Detail {
  constructor() {
    this.orientation = new Orientation(new Quaternion().setFromEuler(new Euler(-1.25, 0, -0.42)));
    this.shown = 0;
    for (const id of ["cell", "supercell", "bonds", "edges"]) $(id).addEventListener("change", () => this.drawCrystal());
    for (const id of ["path", "labels"]) $(id).addEventListener("change", () => this.drawZone());
    $("reset").addEventListener("click", () => this.orientation.reset());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.drawCrystal();
      this.drawZone();
    });
  }

  clear() {
    this.shown++;
    $("result").hidden = true;
  }

  // Shows the row at once; pictures and reasons follow when they have come.
  async show(entry) {
    const turn = ++this.shown;
    this.scene = null;
    this.facts(entry.row);
    $("note").textContent = entry.note ? `Known as ${entry.note}.` : "";
    $("note").hidden = !entry.note;
    for (const id of ["pictures", "why", "momenta"]) $(id).hidden = true;
    $("result").hidden = false;
    if (entry.row.status === "error") return;
    const [scene, why] = await Promise.allSettled([
      (entry.scene ??= api.structure(entry.file)),
      entry.row.status === "ok" ? (entry.why ??= api.explain(entry.file)) : null,
    ]);
    if (turn !== this.shown) return; // another material was chosen meanwhile
    if (scene.status === "fulfilled") this.pictures(scene.value);
    else this.notice(scene.reason.message);
    const reasons = why.status === "fulfilled" ? explanation(why.value) : element("p", { text: why.reason.message });
    $("why").hidden = !reasons;
    $("why-content").replaceChildren(reasons ?? "");
  }

  notice(text) {
    $("reason").textContent = text;
    $("reason").hidden = !text;
  }

  facts(row) {
    $("formula").replaceChildren(row.formula ? formula(row.formula) : row.input);
    $("about").replaceChildren(...(row.spacegroup ? [`Space group ${row.spacegroup}`] : []), element("span", { class: "file", text: row.input }));
    const verdict = { ok: CLASSES[row.label]?.long, metal: "Metal", error: "Not classified" }[row.status];
    const colour = row.status === "ok" ? CLASSES[row.label].colour : row.status;
    $("verdict").replaceChildren(
      element("p", { class: `class ${colour}`, text: verdict }),
      row.levels ? element("p", { text: `${percent(row.p_nontrivial)} non-trivial` }) : "",
    );
    this.notice(row.reason ? sentence(row.reason) : "");
    $("levels").replaceChildren(...(row.levels ? Object.keys(LEVELS).map((level) => levelBars(level, row.levels[level])) : []));
    $("trust").replaceChildren(...trust(row));
  }

  pictures(scene) {
    this.scene = scene;
    $("about").replaceChildren(spaceGroup(scene.spacegroup_symbol), ` (${scene.spacegroup})`, $("about").querySelector(".file"));
    const names = { conventional: "conventional", primitive: "primitive" };
    $("cell").replaceChildren(...Object.keys(scene.cells).map((key) => element("option", { value: key, text: names[key] })));
    $("cell").disabled = Object.keys(scene.cells).length < 2;
    $("supercell").value = "1";
    $("elements").replaceChildren(...scene.elements.map(swatch));
    this.momenta(scene.zone);
    $("pictures").hidden = false;
    try {
      this.crystal ??= new View($("crystal"), this.orientation, "");
      this.zone ??= new View($("zone"), this.orientation, "");
    } catch {
      $("crystal").textContent = $("zone").textContent = "This browser cannot draw in three dimensions (no WebGL).";
      return;
    }
    const keys = "Arrow keys turn, plus and minus zoom, zero resets.";
    this.crystal.name(`Crystal structure of ${scene.formula}. ${keys}`);
    this.zone.name(`Brillouin zone of ${scene.formula}. ${keys}`);
    this.orientation.reset();
    this.drawCrystal();
    this.drawZone();
  }

  drawCrystal() {
    if (!this.scene || !this.crystal) return;
    const cell = this.scene.cells[$("cell").value];
    for (const option of $("supercell").options) option.disabled = cell.species.length * option.value ** 3 > MOST_ATOMS && option.value > 1;
    if ($("supercell").selectedOptions[0].disabled) $("supercell").value = "1";
    const options = { times: Number($("supercell").value), bonds: $("bonds").checked, edges: $("edges").checked };
    this.crystal.show(crystalPicture(cell, this.scene.elements, options));
  }

  drawZone() {
    if (!this.scene || !this.zone) return;
    this.zone.show(zonePicture(this.scene.zone, { path: $("path").checked, labels: $("labels").checked }));
  }

  momenta(zone) {
    const unfilled = zone.points.filter((point) => !point.fits).map((point) => point.label);
    $("filling").textContent =
      `${zone.electrons} valence electrons in the primitive cell. ` +
      (unfilled.length ? `They cannot fill whole multiplets (groups of bands with the same energy) at ${unfilled.join(", ")}, so bands must touch there.` : "They can fill whole multiplets (groups of bands with the same energy) at every momentum below.");
    const heads = ["Momentum", "Coordinates", "TRIM", "Little co-group", "Multiplets", "Can be filled"];
    const lines = zone.points.map((point) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", text: point.label }),
        element("td", { text: point.coordinates.map((x) => Number(x.toFixed(3)) + 0).join(", ") }),
        element("td", { text: point.time_reversal_invariant ? "yes" : "" }),
        element("td", { text: `order ${point.order}` }),
        element("td", { text: Object.entries(point.dimensions).map(([d, n]) => (n > 1 ? `${n} × ${d}` : d)).join(", ") }),
        element("td", { text: point.fits ? "yes" : "no" }),
      ),
    );
    const caption = "Coordinates are in the reciprocal basis of the primitive cell. TRIM: time-reversal-invariant momentum. Multiplets: number × dimension of the irreps, with spin-orbit coupling and time reversal.";
    $("momenta-table").replaceChildren(
      element("caption", { text: caption }),
      element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })))),
      element("tbody", {}, ...lines),
    );
    $("momenta").hidden = false;
  }
}

function levelBars(level, { label, probabilities }) {
  const list = element("ul", {});
  for (const [key, p] of Object.entries(probabilities)) {
    const fill = element("span", { class: `fill ${CLASSES[key].colour}` });
    fill.style.width = `${100 * p}%`;
    list.append(
      element(
        "li",
        { class: key === label ? "chosen" : "", title: CLASSES[key].long },
        element("span", { class: "name", text: className(key) }),
        element("span", { class: "value", text: percent(p) }),
        element("span", { class: "track", "aria-hidden": "true" }, fill),
      ),
    );
  }
  return element("section", {}, element("h3", { text: LEVELS[level] }), list);
}

// What the row says of its own reliability; columns that a model does not give are left out.
function trust(row) {
  const found = [];
  const add = (term, ...content) => found.push(element("div", {}, element("dt", { text: term }), ...content.map((c) => element("dd", {}, c))));
  for (const share of [90, 95]) {
    const set = row[`set_${share}`];
    if (set != null) add(`${share} % prediction set`, setText(set, share));
  }
  if (row.novelty != null) add("Novelty", row.novelty.toFixed(2), element("small", { text: `farther from its nearest training material than ${Math.round(100 * row.novelty)} % of these are from theirs` }));
  if (row.domain) add("Domain", DOMAINS[row.domain] ?? row.domain);
  if (row.nearest) add("Nearest training materials", element("ul", {}, ...row.nearest.split("; ").map(nearest)));
  return found;
}

function setText(set, share) {
  if (set) return set.split("|").map(className).join(", ");
  return `Empty: for every class, the probability is lower than that of ${share} % of the materials of the class`;
}

// 'mp-541837 Bi2Te3 ti'
function nearest(text) {
  const [, id, compound, label] = text.match(/^(.*) (\S+) (\S+)$/) ?? [null, "", text, null];
  return element("li", {}, formula(compound), label ? `, ${className(label)} ` : "", element("small", { text: id }));
}

function swatch({ symbol, colour }) {
  const dot = element("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.background = `color-mix(in srgb, ${colour} 82%, #9aa0a6)`;
  return element("li", {}, dot, symbol);
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
