// The answer of one material: what is known of it, probabilities, how far to believe them, its neighbours.

import { CLASSES, className, element, formula, percent } from "./names.js";

// Which classes are summed: [class, [those below it]]
const TREE = [
  ["trivial", []],
  ["nontrivial", [
    ["topological_insulator", [["ti", []], ["tci", []]]],
    ["semimetal", [["hsp_semimetal", []], ["hsl_semimetal", []]]],
  ]],
];
const GROUPS = { nontrivial: "Non-trivial, all four", topological_insulator: "Insulators, both", semimetal: "Semimetals, both" };
const DOMAINS = {
  in: "Inside: a non-magnetic material, as in the training data",
  likely_magnetic: "Likely magnetic: the training data have no magnetic materials",
  odd_electrons: "Odd number of electrons: a metal, to which no class applies",
  unseen_element: "Contains an element that no training material has",
};

// Five bars, grouped; each group with its sum.
export function probabilities(row) {
  const sums = Object.assign({}, ...Object.values(row.levels).map((level) => level.probabilities));
  const chosen = new Set(Object.values(row.levels).map((level) => level.label));
  const list = (items) => element("ul", {}, ...items.map(([key, below]) => {
    const line = element("li", { class: chosen.has(key) ? "chosen" : "" });
    const name = element("span", { class: "name", text: GROUPS[key] ?? className(key), title: CLASSES[key].long });
    line.append(name, element("span", { class: "value", text: percent(sums[key]) }));
    if (below.length) {
      line.classList.add("group");
      line.append(list(below));
    } else line.append(bar(key, sums[key]));
    return line;
  }));
  return list(TREE);
}

function bar(key, p) {
  const fill = element("span", { class: `fill ${CLASSES[key].colour}` });
  fill.style.width = `${100 * p}%`;
  return element("span", { class: "track", "aria-hidden": "true" }, fill);
}

// What is known of the material beside the model's answer, and what to beware of; columns that are absent are left out.
export function known(row) {
  const found = [];
  if (row.known_class) {
    const links = (row.known_link ?? "").split(" ").filter(Boolean).map((address) => link(address, new URL(address).pathname.split("/").at(-1)));
    const place = element("span", {}, ...links.flatMap((one, k) => (k ? [", ", one] : [one])));
    found.push(element("p", { class: "fact" }, element("strong", { text: "Known from first principles: " }), className(row.known_class), ". It is a training material: ", links.length ? place : row.known_id, "."));
  }
  if (row.experiment) found.push(element("p", { class: "fact" }, element("strong", { text: "Experiment: " }), row.experiment));
  for (const warning of (row.warnings ?? "").split("; ").filter(Boolean)) {
    const text = warning.slice(warning.indexOf(":") + 1).trim();
    found.push(element("p", { class: "warning" }, element("strong", { text: "Beware: " }), text));
  }
  return found;
}

// What the row says of its own reliability; columns that a model does not give are left out.
export function trust(row) {
  const found = [];
  const add = (term, ...content) => found.push(element("div", {}, element("dt", { text: term }), ...content.map((c) => element("dd", {}, c))));
  for (const share of [90, 95]) {
    const set = row[`set_${share}`];
    if (set) add(`${share} % prediction set`, setText(set));
  }
  if (row.novelty != null) add("Novelty", row.novelty.toFixed(2), element("small", { text: `farther from its nearest training material than ${Math.round(100 * row.novelty)} % of these are from theirs` }));
  if (row.domain) add("Domain", DOMAINS[row.domain] ?? row.domain);
  return found;
}

export const setText = (set) => set.split("|").map(className).join(", ");

// What a row of the atlas is, and what it lacks.
export function fromAtlas({ row, link: address }) {
  const facts = [
    row.sketch_gap == null ? "" : `gap ${row.sketch_gap.toFixed(2)} eV at a special momentum`,
    row.sketch_z4 == null ? "" : `z4 = ${row.sketch_z4}`,
  ].filter(Boolean);
  return [
    element("strong", { text: "From the atlas: " }),
    "a prediction that was made before; the atlas holds no structures. For the crystal, its bands and the reasons, download the CIF from ",
    link(address, "its page in the Materials Project"),
    " and drop it here. ",
    facts.length ? `The sketch of its bands has: ${facts.join(", ")}. ` : "",
    element("a", { href: "#atlas", text: "Back to the atlas" }),
  ];
}

// The nearest training materials, the closest first; another: shows the material of the atlas with this id.
export function cards(neighbours, another) {
  return neighbours.map(({ id, formula: compound, label, link: address, spacegroup, n_atoms: atoms }) =>
    element(
      "li",
      { class: CLASSES[label]?.colour ?? "" },
      element("strong", {}, formula(compound)),
      element("span", { class: "class", text: className(label) }),
      spacegroup ? element("span", { class: "structure", text: `Space group ${spacegroup}, ${atoms} ${atoms === 1 ? "atom" : "atoms"}` }) : null,
      address ? link(address, id) : element("small", { text: id }),
      spacegroup ? element("button", { type: "button", onclick: () => another(id), "aria-label": `${compound}, ${id}, in the atlas`, text: "In the atlas" }) : null,
    ),
  );
}

const link = (address, text) => element("a", { href: address, rel: "noreferrer", target: "_blank", text });
