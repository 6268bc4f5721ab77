// Names, colours and typography of what the interface speaks of.

export const CLASSES = {
  trivial: { name: "Trivial", long: "Topologically trivial", colour: "trivial" },
  nontrivial: { name: "Non-trivial", long: "Topologically non-trivial", colour: "nontrivial" },
  semimetal: { name: "Semimetal", long: "Topological semimetal", colour: "semimetal" },
  topological_insulator: { name: "Topological insulator", long: "Topological insulator", colour: "insulator" },
  hsp_semimetal: { name: "Semimetal, point", long: "Semimetal: bands must cross at a high-symmetry point", colour: "hsp" },
  hsl_semimetal: { name: "Semimetal, line", long: "Semimetal: bands must cross on a high-symmetry line", colour: "hsl" },
  ti: { name: "Topological insulator", long: "Topological insulator", colour: "ti" },
  tci: { name: "Crystalline TI", long: "Topological crystalline insulator", colour: "tci" },
};

export const FIVE = ["trivial", "hsp_semimetal", "hsl_semimetal", "ti", "tci"];

export const className = (key) => CLASSES[key]?.name ?? key;

export const percent = (p) => (p >= 0.9995 || p < 0.0005 ? `${Math.round(100 * p)}` : (100 * p).toFixed(1)) + " %";

// An element with text, classes and children; text is never read as markup.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") made.textContent = value;
    else if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

// Bi2Se3 with its digits as subscripts.
export function formula(text) {
  const made = element("span", { class: "formula" });
  for (const part of text.split(/(\d+(?:\.\d+)?)/)) {
    if (part) made.append(/^\d/.test(part) ? element("sub", { text: part }) : part);
  }
  return made;
}

// P6_3/mmc and R-3m as crystallographers write them: screw axes as subscripts, a bar over inversion axes.
export function spaceGroup(symbol) {
  const made = element("span", { class: "spacegroup", "aria-label": symbol, role: "img" });
  for (const part of symbol.split(/(-\d|_\d)/)) {
    if (part.startsWith("-")) made.append(element("span", { class: "bar-over", text: part.slice(1) }));
    else if (part.startsWith("_")) made.append(element("sub", { text: part.slice(1) }));
    else made.append(element("i", { text: part }));
  }
  return made;
}
