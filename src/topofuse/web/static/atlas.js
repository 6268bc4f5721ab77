// The atlas: conditions, what the server found for them as a plot and as pages of a table, one row in full.

import * as api from "./api.js";
import { setText } from "./answer.js";
import { CLASSES, FIVE, className, element, formula, percent } from "./names.js";
import { PeriodicTable } from "./periodic.js";
import { Scatter } from "./scatter.js";

const $ = (id) => document.getElementById(id);
const NAMES = { metal: "Metal, no class", error: "Not usable" };
const PAUSE = 250; // milliseconds without a key before a search begins
const COLUMNS = [
  { key: "id", title: "Id", ascending: true },
  { key: "formula", title: "Formula", ascending: true },
  { key: "label", title: "Class", ascending: true },
  { key: "p_nontrivial", title: "Non-trivial", number: true },
  { key: "set_90", title: "90 % set", plain: true },
  { key: "novelty", title: "Novelty", number: true, ascending: true },
  { key: "known_class", title: "Known class", plain: true },
  { key: "spacegroup", title: "Group", number: true, ascending: true },
  { key: "n_atoms", title: "Atoms", number: true, ascending: true },
  { key: "sketch_gap", title: "Gap, eV", number: true },
];

export class AtlasView {
  // open(row, found): a person chose a material; fail(message): something went wrong
  constructor(open, fail) {
    this.open = open;
    this.fail = fail;
    this.sort = { key: "promise", descending: true };
    this.page = 0;
    this.asked = 0;
  }

  async start() {
    const card = await api.atlas();
    $("atlas").hidden = false;
    if (card.missing) {
      $("atlas-about").textContent = "This installation has no atlas of predictions for the Materials Project: its file is missing.";
      $("atlas-content").hidden = true;
      return;
    }
    const classified = FIVE.reduce((sum, key) => sum + (card.counts[key] ?? 0), 0);
    const nontrivial = classified - (card.counts.trivial ?? 0);
    const n = (number) => number.toLocaleString("en");
    $("atlas-about").textContent =
      `${n(card.rows)} structures of the ${card.source}, as the model ${card.model} classified them on ${card.date}: ` +
      `${n(nontrivial)} non-trivial, ${n(card.counts.trivial ?? 0)} trivial, ${n(card.counts.metal ?? 0)} metals without a class. ${card.licence}.`;
    $("atlas-what").textContent = `${card.what} Of the ${card.source}: ${card.attribution}.`;
    this.periodic = new PeriodicTable($("periodic"), card.elements, () => this.search());
    this.scatter = new Scatter($("scatter"), $("scatter-readout"), (p, novelty) => this.within(p, novelty));
    $("atlas-classes").append(...[...FIVE, "metal"].map((key) => this.choice(key)));
    let waiting;
    $("atlas-form").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.search(), PAUSE);
    });
    $("atlas-form").addEventListener("submit", (event) => event.preventDefault());
    $("atlas-form").addEventListener("reset", () => {
      this.periodic.clear();
      this.sort = { key: "promise", descending: true };
      setTimeout(() => this.search()); // after the fields are empty
    });
    $("atlas-back").addEventListener("click", () => this.turn(-1));
    $("atlas-on").addEventListener("click", () => this.turn(1));
    await this.search();
  }

  choice(key) {
    const box = element("input", { type: "checkbox", name: "classes", value: key });
    return element("label", { class: `choice ${CLASSES[key]?.colour ?? "metal"}` }, box, NAMES[key] ?? className(key));
  }

  conditions() {
    const form = new FormData($("atlas-form"));
    const text = (name) => (form.get(name) ?? "").trim();
    const found = {
      text: text("text"),
      elements: this.periodic.chosen("with"),
      without: this.periodic.chosen("without"),
      classes: form.getAll("classes").join(","),
      spacegroups: text("spacegroups"),
      z4: text("z4"),
      domains: form.get("inside") ? "in" : "",
      known: text("known"),
      warned: form.get("unwarned") ? "false" : "",
    };
    for (const name of ["p", "novelty", "gap", "atoms"]) {
      const bounds = `${text(`${name}-from`)}:${text(`${name}-to`)}`;
      if (bounds !== ":") found[name] = bounds;
    }
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value));
  }

  within(p, novelty) {
    for (const [name, bounds] of [["p", p], ["novelty", novelty]]) {
      $("atlas-form").elements[`${name}-from`].value = bounds[0] || "";
      $("atlas-form").elements[`${name}-to`].value = bounds[1] === 1 ? "" : bounds[1];
    }
    this.search();
  }

  // Everything anew: the plot, and the first page
  async search() {
    this.page = 0;
    const question = ++this.asked;
    const conditions = this.conditions();
    try {
      const [cells] = await Promise.all([api.atlasCells(conditions), this.fetch(question, conditions)]);
      if (question === this.asked) this.scatter.show(cells);
    } catch (error) {
      if (question === this.asked) this.wrong(error.message);
    }
  }

  async turn(by, anew = false) {
    this.page = anew ? 0 : Math.max(0, this.page + by);
    const question = ++this.asked;
    try {
      await this.fetch(question, this.conditions());
    } catch (error) {
      if (question === this.asked) this.wrong(error.message);
    }
  }

  async fetch(question, conditions) {
    const order = { sort: this.sort.key, descending: this.sort.descending, page: this.page };
    const found = await api.atlasRows({ ...conditions, ...order });
    if (question === this.asked) this.show(found);
  }

  wrong(message) {
    $("atlas-found").textContent = message;
    $("atlas-found").classList.add("wrong");
  }

  show({ total, counts, page, pages, size, rows }) {
    const parts = [...FIVE, "metal", "error"].filter((key) => counts[key]).map((key) => `${NAMES[key] ?? className(key)} ${counts[key].toLocaleString("en")}`);
    $("atlas-found").textContent = total ? [`${total.toLocaleString("en")} found`, ...parts].join(" · ") : "Nothing is found under these conditions.";
    $("atlas-found").classList.remove("wrong");
    const first = page * size;
    $("atlas-where").textContent = total ? `${(first + 1).toLocaleString("en")} to ${(first + rows.length).toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
    $("atlas-back").disabled = page === 0;
    $("atlas-on").disabled = page + 1 >= pages;
    $("atlas-table").tHead.replaceChildren(element("tr", {}, ...COLUMNS.map((column) => this.head(column))));
    $("atlas-table").tBodies[0].replaceChildren(...rows.map((row) => this.line(row)));
  }

  head(column) {
    const { key, title, number, plain, ascending } = column;
    if (plain) return element("th", { scope: "col", "data-key": key, text: title });
    const sorted = this.sort.key === key;
    const sortBy = () => {
      this.sort = { key, descending: sorted ? !this.sort.descending : !ascending };
      this.turn(0, true).then(() => $("atlas-table").querySelector(`th[data-key="${key}"] button`)?.focus());
    };
    const mark = element("span", { class: "mark", "aria-hidden": "true", text: sorted ? (this.sort.descending ? "▼" : "▲") : "" });
    const made = element("th", { scope: "col", "data-key": key, class: number ? "number" : "" }, element("button", { type: "button", onclick: sortBy }, title, mark));
    if (sorted) made.setAttribute("aria-sort", this.sort.descending ? "descending" : "ascending");
    return made;
  }

  line(row) {
    const line = element("tr", {}, ...COLUMNS.map(({ key, title, number }) => {
      if (key === "id") return element("th", { scope: "row" }, element("button", { type: "button", text: row.id }));
      const shown = cell(key, row[key], row);
      const kind = `${number ? "number" : ""} ${key} ${shown === "" ? "nothing" : ""}`.trim();
      return element("td", { class: kind, "data-title": title }, shown);
    }));
    line.addEventListener("click", () => this.choose(row.id));
    return line;
  }

  async choose(id) {
    try {
      const found = await api.atlasRow(id);
      this.open(found);
    } catch (error) {
      this.fail(error.message);
    }
  }
}

function cell(key, value, row) {
  if (key === "label") return element("span", { class: `class ${CLASSES[value]?.colour ?? row.status}`, text: NAMES[row.status] ?? className(value) });
  if (value == null) return "";
  if (key === "formula") return formula(value);
  if (key === "known_class") return className(value);
  if (key === "set_90") return setText(value);
  if (key === "p_nontrivial") return percent(value);
  if (key === "novelty" || key === "sketch_gap") return value.toFixed(2);
  return String(value);
}
