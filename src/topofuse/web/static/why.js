// What each view of the crystal contributed to a prediction, from /api/explain.

import { element } from "./names.js";

const MOST_COLUMNS = 8;

// What to show under the head, or null where the server has no explanation.
export function explanation(why) {
  if (!why?.answer) return null;
  const parts = element("div", { class: "why" }, views(why));
  if (why.features.length) parts.append(columns(why));
  return element("div", {}, parts, facts(why));
}

function views({ modalities, answer }) {
  const most = Math.max(...modalities.map((part) => Math.abs(part.change)), 0.01);
  const list = element("ul", {}, ...modalities.map((part) => {
    const without = `${(100 * part.p_without).toFixed(1)} % without it`;
    return line(part.title, signed(100 * part.change, 1), part.change / most, without);
  }));
  const now = `${(100 * answer.p_nontrivial).toFixed(1)} %`;
  return element("div", {}, element("h4", { text: "Parts of the input" }), element("p", { class: "hint", text: `How many percentage points each part adds to the probability of ${now} for non-trivial: the difference if this part is left out` }), list);
}

function columns({ features }) {
  const shown = features.slice(0, MOST_COLUMNS);
  const most = Math.max(...shown.map((part) => Math.abs(part.log_odds)));
  const list = element("ul", {}, ...shown.map((part) => {
    const value = part.value == null ? "undefined" : String(Number(part.value.toPrecision(4)));
    return line(`${part.words}: ${value}`, signed(part.log_odds, 2), part.log_odds / most);
  }));
  return element("div", {}, element("h4", { text: "Most important features" }), element("p", { class: "hint", text: "What each feature adds to the answer of the boosted trees, in log-odds of non-trivial" }), list);
}

// One bar to the right of the middle for, to the left against; share: of the longest, with sign.
function line(name, value, share, more) {
  const fill = element("span", { class: share < 0 ? "against" : "for" });
  fill.style.width = `${50 * Math.abs(share)}%`;
  return element(
    "li",
    {},
    element("span", { class: "name" }, name[0].toUpperCase() + name.slice(1), more ? element("small", { text: ` ${more}` }) : null),
    element("span", { class: "value", text: value }),
    element("span", { class: "balance", "aria-hidden": "true" }, fill),
  );
}

function facts({ zone, sketch, no_sketch, domain_reason }) {
  const list = element("dl", { class: "trust" });
  const add = (term, text) => list.append(element("div", {}, element("dt", { text: term }), element("dd", { text })));
  add("Filling", `${zone.electrons} valence electrons in the primitive cell. Atomic insulators of this space group have a multiple of ${zone.atomic_filling}. This crystal ${zone.atomic_limit ? "can" : "cannot"} be one of them.`);
  add("Symmetry indicators", zone.indicators.map((n) => `Z${n}`).join(" × ") || "none in this space group");
  add("Sketch of the bands alone (a rough model, nothing learned)", sketch ? `${sketch.verdict[0].toUpperCase()}${sketch.verdict.slice(1)}.` : `None: ${no_sketch.sentence}.`);
  if (domain_reason) add("Domain", `${domain_reason[0].toUpperCase()}${domain_reason.slice(1)}.`);
  return list;
}

const signed = (x, digits) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
