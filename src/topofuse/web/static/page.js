// The page: takes structures in, asks the server, hands the answers to the table and the detail.

import * as api from "./api.js";
import { Detail } from "./detail.js";
import { element, formula } from "./names.js";
import { MaterialsTable, csvText, download, jsonText } from "./table.js";

const $ = (id) => document.getElementById(id);
const BATCH_FILES = 16;
const BATCH_BYTES = 24 * 2 ** 20;

const detail = new Detail();
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
  detail.show(entry);
  if (byPerson) {
    $("result").focus({ preventScroll: true });
    $("result").scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }
}

// note: what is known of an example
async function classify(files, note) {
  const question = ++asked;
  entries = [];
  detail.clear();
  $("materials").hidden = true;
  const all = batches(files);
  for (const batch of all) {
    say(files.length === 1 ? `Reading ${files[0].name} …` : `Classified ${entries.length} of ${files.length} structures …`);
    const rows = await answers(batch);
    if (question !== asked) return;
    entries.push(...batch.map((file, k) => ({ file, note, row: rows[k] })));
  }
  summarise();
}

// The server's rows; where it refuses the request, each file's row says why.
async function answers(batch) {
  try {
    const found = await api.predict(batch);
    columns = found.columns;
    return found.rows;
  } catch (error) {
    return batch.map((file) => ({ input: file.name, status: "error", reason: error.message, formula: null, spacegroup: null, label: null, levels: null }));
  }
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
    say({ ok: `${what} is classified.`, metal: `${what} is a metal.`, error: `${what} cannot be classified.` }[rows[0].status], rows[0].status === "error");
  } else {
    const parts = [[count("ok"), "classified"], [count("metal"), "metal"], [count("error"), "not usable"]];
    say(`${rows.length} structures: ${parts.filter(([n]) => n).map(([n, word]) => `${n} ${word}`).join(", ")}.`);
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
    const button = element("button", { type: "button", title: example.note, onclick: ask }, formula(example.formula));
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
watchModel();
