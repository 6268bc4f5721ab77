// Everything the page says about one material: verdict, probabilities, trust, pictures, momenta.

import { Quaternion, Euler } from "./three/three.module.min.js";
import * as api from "./api.js";
import { BandPlot, kindLegend, levelTable, markList, overLegend, summary } from "./bands.js";
import { MOST_ATOMS, crystalPicture } from "./crystal.js";
import { Computation } from "./compute.js";
import { CLASSES, element, formula, percent, spaceGroup } from "./names.js";
import { cards, fromAtlas, known, probabilities, trust } from "./answer.js";
import { Orientation, View } from "./view.js";
import { explanation } from "./why.js";
import { zonePicture } from "./zone.js";

const $ = (id) => document.getElementById(id);
export class Detail {
  // another: shows the material of the atlas with this id
  constructor(another) {
    this.another = another;
    this.orientation = new Orientation(new Quaternion().setFromEuler(new Euler(-1.25, 0, -0.42)));
    this.shown = 0;
    for (const id of ["cell", "supercell", "bonds", "edges"]) $(id).addEventListener("change", () => this.drawCrystal());
    for (const id of ["path", "labels"]) $(id).addEventListener("change", () => this.drawZone());
    for (const id of ["coupling", "range"]) $(id).addEventListener("change", () => this.drawBands());
    this.computation = new Computation($("compute"), $("compute-content"), (found) => this.over(found.bands));
    $("reset").addEventListener("click", () => this.orientation.reset());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.drawCrystal();
      this.drawZone();
      this.plot?.draw();
    });
  }

  clear() {
    this.shown++;
    this.computation.clear();
    $("result").hidden = true;
  }

  // Shows the row at once; pictures, bands and reasons follow when they have come. entry.found: what the server said, or its
  // promise; entry.link: of a row of the atlas, its page in the database
  async show(entry) {
    const turn = ++this.shown;
    this.scene = null;
    this.overBands = null;
    this.computation.clear();
    this.facts(entry.row);
    $("note").textContent = entry.note ? `Known as ${entry.note}.` : "";
    $("note").hidden = !entry.note;
    $("origin").replaceChildren(...(entry.link ? fromAtlas(entry) : []));
    $("origin").hidden = !entry.link;
    for (const id of ["nearest", "pictures", "bands", "why", "momenta"]) $(id).hidden = true;
    $("result").hidden = false;
    if (entry.row.status === "error") return;
    let found;
    try {
      found = await (entry.found ??= api.material(entry.file));
    } catch (error) {
      entry.found = null; // it may be asked again
      if (turn === this.shown) this.notice(error.message);
      return;
    }
    if (turn !== this.shown) return; // another material was chosen meanwhile
    this.neighbours(found.neighbours);
    if (found.scene?.none) this.notice(sentence(found.scene.none));
    else if (found.scene) this.pictures(found.scene);
    if (found.bands) this.sketch(found.bands);
    this.computation.show(entry, found.compute);
    const reasons = explanation(found.why);
    $("why").hidden = !reasons;
    $("why-content").replaceChildren(reasons ?? "");
  }

  notice(text) {
    $("reason").textContent = text;
    $("reason").hidden = !text;
  }

  facts(row) {
    $("formula").replaceChildren(row.formula ? formula(row.formula) : row.input);
    $("about").replaceChildren(...(row.spacegroup ? [`Space group ${row.spacegroup}`] : []), row.formula ? element("span", { class: "file", text: row.input }) : "");
    const verdict = { ok: CLASSES[row.label]?.long, metal: "Metal", error: "Not classified" }[row.status];
    const colour = row.status === "ok" ? CLASSES[row.label].colour : row.status;
    $("verdict").replaceChildren(
      element("p", { class: `class ${colour}`, text: verdict }),
      row.levels ? element("p", { text: `${percent(row.p_nontrivial)} non-trivial` }) : "",
    );
    this.notice(row.reason ? sentence(row.reason) : "");
    const before = known(row);
    $("known").replaceChildren(...before);
    $("known").hidden = !before.length;
    $("probabilities").replaceChildren(...(row.levels ? [probabilities(row)] : []));
    $("trust").replaceChildren(...trust(row));
    $("answer").hidden = !row.levels;
  }

  neighbours(found) {
    $("cards").replaceChildren(...cards(found, this.another));
    $("nearest").hidden = !found.length;
  }

  sketch(bands) {
    this.bands = bands.none ? null : bands;
    $("bands").hidden = false;
    $("bands-content").hidden = Boolean(bands.none);
    $("bands-caveat").textContent = bands.none ? sentence(bands.none) : bands.caveat;
    if (bands.none) return;
    $("bands-summary").replaceChildren(...summary(bands));
    $("kinds").replaceChildren(...kindLegend(bands));
    $("levels-details").hidden = !bands.points.length;
    $("levels-table").replaceChildren(...levelTable(bands));
    this.plot ??= new BandPlot($("plot"), $("bands-readout"));
    this.drawBands();
  }

  // First-principles bands, which are drawn over the sketch's with spin-orbit coupling.
  over(bands) {
    if (!bands || !this.bands) return;
    this.overBands = bands;
    $("coupling").checked = true;
    $("kinds").replaceChildren(...kindLegend(this.bands), overLegend());
    this.drawBands();
  }

  drawBands() {
    if (!this.bands) return;
    const soc = $("coupling").checked;
    this.plot.show(this.bands, { soc, half: Number($("range").value), over: soc ? this.overBands : null });
    $("marks").replaceChildren(...markList(this.bands, soc));
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

function swatch({ symbol, colour }) {
  const dot = element("span", { class: "swatch", "aria-hidden": "true" });
  dot.style.background = `color-mix(in srgb, ${colour} 82%, #9aa0a6)`;
  return element("li", {}, dot, symbol);
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
