// What each view of the crystal contributed to a prediction, from /api/material.

import { element } from "./names.js";

const MOST_COLUMNS = 8;

// What to show under the head, or null where the server has no explanation.
export function explanation(why) {
  if (!why?.answer) return null;
  const parts = element("div", { class: "why" }, views(why));
  if (why.features.length) parts.append(columns(why));
  return element("div", {}, parts, ...taken(why), facts(why));
}

// What the model reads in the sketch, which is more than its verdict.
function taken({ modalities, sketch, answer }) {
  const parts = modalities.filter((part) => part.from_sketch && part.columns.length);
  if (!sketch || !parts.length) return [];
  const all = parts.flatMap((part) => part.columns).sort((a, b) => Math.abs(b.log_odds) - Math.abs(a.log_odds)).slice(0, 4);
  const other = sketch.nontrivial !== answer.p_nontrivial > 0.5;
  const lead = other
    ? `Taken at its word, the sketch says ${sketch.nontrivial ? "non-trivial" : "trivial"}, and the model says the opposite. It reads the sketch's numbers, of which it has learned what they mean in real materials, not its verdict. From the sketch it takes most from:`
    : "The model reads the sketch's numbers, of which it has learned what they mean in real materials, not its verdict alone. From the sketch it takes most from:";
  const list = element("ul", {}, ...all.map((part) => element("li", { text: `${upper(part.words)}: ${number(part.value)} (${signed(part.log_odds, 2)} log-odds of non-trivial)` })));
  return [element("div", { class: "taken" }, element("h4", { text: "What it takes from the sketch of the bands" }), element("p", { text: lead }), list)];
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
    return line(`${part.words}: ${number(part.value)}`, signed(part.log_odds, 2), part.log_odds / most);
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
    element("span", { class: "name" }, upper(name), more ? element("small", { text: ` ${more}` }) : null),
    element("span", { class: "value", text: value }),
    element("span", { class: "balance", "aria-hidden": "true" }, fill),
  );
}

function facts({ zone, domain_reason }) {
  const list = element("dl", { class: "trust" });
  const add = (term, text) => list.append(element("div", {}, element("dt", { text: term }), element("dd", { text })));
  add("Filling", `${zone.electrons} valence electrons in the primitive cell. Atomic insulators of this space group have a multiple of ${zone.atomic_filling}. This crystal ${zone.atomic_limit ? "can" : "cannot"} be one of them.`);
  add("Symmetry indicators", zone.indicators.map((n) => `Z${n}`).join(" × ") || "none in this space group");
  if (domain_reason) add("Domain", `${upper(domain_reason)}.`);
  return list;
}

const upper = (text) => text[0].toUpperCase() + text.slice(1);
const number = (value) => (value == null ? "undefined" : String(Number(value.toPrecision(4))));
const signed = (x, digits) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;
