// The table of several materials: sorting, choosing a row, downloads.

import { setText } from "./answer.js";
import { CLASSES, FIVE, className, element, formula, percent } from "./names.js";

const COLUMNS = [
  { key: "input", title: "File" },
  { key: "formula", title: "Formula" },
  { key: "label", title: "Class" },
  { key: "p_nontrivial", title: "Non-trivial", number: true },
  { key: "five", title: "Five classes", plain: true },
  { key: "set_90", title: "90 % set", optional: true },
  { key: "known_class", title: "Known class", optional: true },
  { key: "spacegroup", title: "Space group", number: true },
  { key: "novelty", title: "Novelty", number: true, optional: true },
  { key: "domain", title: "Domain", optional: true },
];

const SIX_DECIMALS = ["novelty", "sketch_gap"]; // in a CSV, as probabilities

export class MaterialsTable {
  constructor(table, choose) {
    this.table = table;
    this.choose = choose;
    this.rows = [];
    this.columns = [];
    this.sorted = { key: null, ascending: true };
    this.chosen = null;
  }

  show(rows) {
    this.rows = rows;
    this.sorted = { key: null, ascending: true };
    this.columns = COLUMNS.filter((c) => !c.optional || rows.some((row) => row[c.key] != null));
    this.render();
  }

  mark(row) {
    this.chosen = row;
    this.render();
  }

  sortBy(key) {
    const same = this.sorted.key === key;
    this.sorted = { key, ascending: same ? !this.sorted.ascending : true };
    this.render();
    this.table.querySelector(`th[data-key="${key}"] button`).focus();
  }

  // Missing values come last, whichever the direction.
  order() {
    const { key, ascending } = this.sorted;
    if (!key) return this.rows;
    const sign = ascending ? 1 : -1;
    return [...this.rows].sort((one, other) => {
      const [a, b] = [one[key], other[key]];
      if (a == null || b == null) return (a == null) - (b == null);
      return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    });
  }

  render() {
    const heads = this.columns.map((column) => {
      const sorted = this.sorted.key === column.key;
      const mark = sorted ? (this.sorted.ascending ? "▲" : "▼") : "";
      if (column.plain) return element("th", { scope: "col", "data-key": column.key, text: column.title });
      const button = element("button", { type: "button", onclick: () => this.sortBy(column.key) }, column.title);
      button.append(element("span", { class: "mark", "aria-hidden": "true", text: mark }));
      const head = element("th", { scope: "col", "data-key": column.key, class: column.number ? "number" : "" }, button);
      if (sorted) head.setAttribute("aria-sort", this.sorted.ascending ? "ascending" : "descending");
      return head;
    });
    this.table.tHead.replaceChildren(element("tr", {}, ...heads));
    this.table.tBodies[0].replaceChildren(...this.order().map((row) => this.line(row)));
  }

  line(row) {
    const line = element("tr", row === this.chosen ? { "aria-current": "true" } : {});
    line.addEventListener("click", () => this.choose(row));
    for (const column of this.columns) {
      const value = row[column.key];
      if (column.key === "input") {
        line.append(element("th", { scope: "row" }, element("button", { type: "button", text: value })));
      } else {
        const shown = cell(column.key, value, row);
        const kind = `${column.number ? "number" : ""} ${column.key} ${shown === "" ? "nothing" : ""}`.trim();
        line.append(element("td", { class: kind, "data-title": column.title }, shown));
      }
    }
    return line;
  }
}

function cell(key, value, row) {
  // a row without a class says why
  if (key === "label" && row.reason) return element("span", { class: "reason", text: `${row.status}: ${row.reason}` });
  if (key === "five") return row.label ? fiveBars(row) : "";
  if (value == null) return "";
  if (key === "formula") return formula(value);
  if (key === "label") return element("span", { class: `class ${CLASSES[value].colour}`, text: className(value) });
  if (key === "known_class") return className(value);
  if (key === "set_90") return setText(value);
  if (key === "p_nontrivial") return percent(value);
  if (key === "novelty") return value.toFixed(2);
  if (key === "domain") return value.replaceAll("_", " ");
  return String(value);
}

// Five small columns, as high as the probabilities.
function fiveBars(row) {
  const words = FIVE.map((key) => `${className(key)} ${percent(row[`p_${key}`])}`);
  const bars = FIVE.map((key) => {
    const fill = element("span", { class: `fill ${CLASSES[key].colour}` });
    fill.style.height = `${100 * row[`p_${key}`]}%`;
    return element("span", { class: "column" }, fill);
  });
  return element("span", { class: "five-bars", role: "img", "aria-label": words.join(", "), title: words.join("\n") }, ...bars);
}

// Text as `csv_text_cell` of topofuse.system.text has it: nothing that a terminal obeys or a spreadsheet computes.
function csvCell(text) {
  const escaped = (c) => {
    const code = c.codePointAt(0);
    if (code < 32) return { 9: "\\t", 13: "\\r" }[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 256 ? `\\x${code.toString(16)}` : code < 65536 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  };
  const visible = text.replace(/[^\P{C}\n]|[^\P{Z} ]/gu, escaped);
  return /^[=+\-@\n＝＋－＠]/.test(visible) ? `'${visible}` : visible;
}

// As `topofuse predict` writes it: the same columns, what is not whole with six decimals, nothing for what is missing.
export function csvText(columns, rows) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cellText = (key, value) =>
    value == null ? "" : key.startsWith("p_") || SIX_DECIMALS.includes(key) ? value.toFixed(6) : csvCell(String(value));
  const lines = rows.map((row) => columns.map((key) => quoted(cellText(key, row[key]))).join(","));
  return [columns.join(","), ...lines].join("\n") + "\n";
}

export function jsonText(columns, rows) {
  const kept = rows.map((row) => Object.fromEntries(columns.map((key) => [key, row[key] ?? null])));
  return JSON.stringify(kept, null, 1) + "\n";
}

export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
