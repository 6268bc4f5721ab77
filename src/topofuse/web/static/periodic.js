// A periodic table to click: an element must be there, must not be there, or does not matter.

import { element } from "./names.js";

// Rows of the table; a number is how many places are empty.
const ROWS = [
  ["H", 16, "He"],
  ["Li", "Be", 10, "B", "C", "N", "O", "F", "Ne"],
  ["Na", "Mg", 10, "Al", "Si", "P", "S", "Cl", "Ar"],
  "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr".split(" "),
  "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe".split(" "),
  ["Cs", "Ba", 1, ..."Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn".split(" ")],
  ["Fr", "Ra"],
  [2, ..."La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu".split(" ")],
  [2, ..."Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr".split(" ")],
];
const NEXT = { "": "with", with: "without", without: "" };
const WORDS = { "": "does not matter", with: "must be there", without: "must not be there" };

export class PeriodicTable {
  // there: symbols that occur; changed: is called after a click
  constructor(place, there, changed) {
    this.states = new Map();
    this.buttons = new Map();
    this.changed = changed;
    const occurring = new Set(there);
    ROWS.forEach((row, line) => {
      let column = 1;
      for (const part of row) {
        if (typeof part === "number") column += part;
        else place.append(this.button(part, line + (line > 6 ? 2 : 1), column++, occurring.has(part)));
      }
    });
    place.append(element("div", { class: "gap", "aria-hidden": "true" }));
  }

  button(symbol, row, column, occurs) {
    const made = element("button", { type: "button", text: symbol });
    made.style.gridArea = `${row} / ${column}`;
    made.disabled = !occurs;
    made.addEventListener("click", () => {
      this.set(symbol, NEXT[this.states.get(symbol) ?? ""]);
      this.changed();
    });
    this.buttons.set(symbol, made);
    this.set(symbol, "");
    return made;
  }

  set(symbol, state) {
    this.states.set(symbol, state);
    const made = this.buttons.get(symbol);
    made.dataset.state = state;
    made.setAttribute("aria-label", made.disabled ? `${symbol}: in no material here` : `${symbol}: ${WORDS[state]}`);
    made.setAttribute("aria-pressed", String(state !== ""));
  }

  clear() {
    for (const symbol of this.states.keys()) this.set(symbol, "");
  }

  // symbols in this state, joined as the server wants them
  chosen(state) {
    return [...this.states].filter(([, own]) => own === state).map(([symbol]) => symbol).join(",");
  }
}
