// The page: takes structures in, asks the server, hands the answers to the table and the detail.

import * as api from "./api.js";
import { AtlasView } from "./atlas.js";
import { Detail } from "./detail.js";
import { CLASSES, className, element, formula } from "./names.js";
import { MaterialsTable, csvText, download, jsonText } from "./table.js";

const $ = (id) => document.getElementById(id);
const BATCH_FILES = 16;
const BATCH_BYTES = 24 * 2 ** 20;

const detail = new Detail((id) => atlas.choose(id));
const atlas = new AtlasView(openFromAtlas, (message) => say(message, true));
const table = new MaterialsTable($("table"), (row) => choose(row, true));
let entries = []; // {file, note, row} in the order given
let columns = [];
let asked = 0; // a newer question makes the answers to an older one void

const say = (text, wrong = false) => {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
};

function choose(row, byPerson) {
  const entry = entries.find((e) => e.row === row);
  table.mark(row);
  // in a table, the line of a file that cannot be used says all there is to say
  if (row.status === "error" && entries.length > 1) return detail.clear();
  detail.show(entry);
  if (byPerson) goToResult();
}

function goToResult() {
  $("result").focus({ preventScroll: true });
  $("result").scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function openFromAtlas({ row, neighbours, link }) {
  asked++; // an upload that is still being read is not wanted any more
  say("");
  detail.show({ row, link, found: { neighbours } });
  goToResult();
}

// note: what is known of an example
async function classify(files, note) {
  const question = ++asked;
  entries = [];
  detail.clear();
  $("materials").hidden = true;
  document.body.dataset.state = "asked";
  try {
    if (files.length === 1) {
      say(`Reading ${files[0].name} …`);
      const found = await api.material(files[0]);
      if (question !== asked) return;
      columns = found.columns;
      entries = [{ file: files[0], note, row: found.row, found }];
    } else {
      for (const batch of batches(files)) {
        say(`Classified ${entries.length} of ${files.length} structures …`);
        const found = await api.predict(batch);
        if (question !== asked) return;
        columns = found.columns;
        entries.push(...batch.map((file, k) => ({ file, row: found.rows[k] })));
      }
    }
  } catch (error) {
    if (question !== asked) return;
    const missing = files.length - entries.length;
    say(files.length === 1 ? error.message : `${missing} of ${files.length} files were not classified. ${error.message}`, true);
    if (entries.length) show();
    return;
  }
  summarise();
  show();
}

function batches(files) {
  const found = [];
  let bytes = Infinity;
  for (const file of files) {
    if (bytes + file.size > BATCH_BYTES || found.at(-1).length >= BATCH_FILES) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1).push(file);
    bytes += file.size;
  }
  return found;
}

function summarise() {
  const rows = entries.map((entry) => entry.row);
  const count = (status) => rows.filter((row) => row.status === status).length;
  if (rows.length === 1) {
    const what = rows[0].formula ?? rows[0].input;
    say({ ok: `${what} is classified.`, metal: `${what} is a metal.`, error: "" }[rows[0].status]); // the card says the error
  } else {
    const parts = [[count("ok"), "classified"], [count("metal"), "metal"], [count("error"), "not usable"]];
    say(`${rows.length} structures: ${parts.filter(([n]) => n).map(([n, word]) => `${n} ${word}`).join(", ")}.`);
  }
}

function show() {
  const rows = entries.map((entry) => entry.row);
  if (rows.length > 1) {
    table.show(rows);
    $("materials").hidden = false;
  }
  choose(rows.find((row) => row.status === "ok") ?? rows[0], false);
}

function takeFiles() {
  $("files").addEventListener("change", () => {
    const files = [...$("files").files];
    $("files").value = ""; // the same file may be chosen again
    if (files.length) classify(files);
  });
  let depth = 0; // dragenter and dragleave also come from children
  const over = (change) => {
    depth = Math.max(0, depth + change);
    $("drop").classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    const items = [...event.dataTransfer.items];
    if (items.some((item) => item.webkitGetAsEntry?.()?.isDirectory)) return say("Folders cannot be dropped. Open the folder and drop the files in it.", true);
    const files = [...event.dataTransfer.files];
    if (files.length) classify(files);
  });
  $("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    classify([new File([$("text").value], "pasted")]);
  });
}

async function offerExamples() {
  for (const example of await api.examples()) {
    const ask = async () => {
      try {
        classify([await api.exampleFile(example)], example.note);
      } catch (error) {
        say(error.message, true);
      }
    };
    const known = example.label ? className(example.label) : "No class by symmetry";
    const button = element(
      "button",
      { type: "button", title: example.note, onclick: ask, class: example.label ? CLASSES[example.label].colour : "unknown" },
      element("strong", {}, formula(example.formula)),
      element("span", { class: "class", text: known }),
      element("span", { class: "note", text: example.note }),
    );
    $("examples").append(element("li", {}, button));
  }
}

async function watchModel() {
  for (;;) {
    const found = await api.health().catch(() => ({ status: "failed" }));
    $("model").dataset.state = found.status;
    const words = { loading: "is loading", ready: "is ready", failed: "does not answer" };
    $("model-text").textContent = `Model ${found.model ?? ""} ${words[found.status]}`;
    if (found.status !== "loading") return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

takeFiles();
$("csv").addEventListener("click", () => download("topofuse.csv", "text/csv", csvText(columns, entries.map((e) => e.row))));
$("json").addEventListener("click", () => download("topofuse.json", "application/json", jsonText(columns, entries.map((e) => e.row))));
offerExamples().catch((error) => say(error.message, true));
atlas.start().catch((error) => say(error.message, true));
watchModel();
