// A first-principles calculation of the material that is shown: offer, progress, cancel, result.

import * as api from "./api.js";
import { CLASSES, className, element } from "./names.js";
import { volts } from "./bands.js";

const EVERY = 1000; // milliseconds between two looks at a calculation

export class Computation {
  // whenFound(data): called when the material that is shown has a result
  constructor(section, content, whenFound) {
    Object.assign(this, { section, content, whenFound, entry: null });
  }

  clear() {
    this.entry = null;
    this.section.hidden = true;
  }

  // offer: {seconds} or {none}, from /api/material
  show(entry, offer) {
    this.entry = entry;
    entry.calculation ??= { offer };
    this.section.hidden = !offer;
    if (offer) this.draw(entry);
    if (entry.calculation.found) this.whenFound(entry.calculation.found);
  }

  draw(entry) {
    if (entry !== this.entry) return; // another material was chosen meanwhile
    const { offer, elapsed, reason, found, id } = entry.calculation;
    const parts = [];
    if (found) parts.push(...result(found, entry.row));
    else if (id != null) return this.progress(entry, elapsed ?? 0, offer.seconds);
    else {
      if (reason) parts.push(element("p", { class: "warning", text: `No result: ${reason}.` }));
      if (offer.none) parts.push(element("p", { class: "hint", text: `${upper(offer.none)}.` }));
      else parts.push(this.button(entry, offer.seconds));
    }
    this.content.replaceChildren(...parts);
  }

  button(entry, seconds) {
    const press = element("button", { type: "button", id: "compute-it", text: "Compute it", onclick: () => this.run(entry) });
    const words = ` Takes about ${duration(seconds)} on one core of the machine that serves this page: density functional theory with spin-orbit coupling, without magnetism.`;
    return element("p", {}, press, element("span", { class: "hint", text: words }));
  }

  async run(entry) {
    const calculation = entry.calculation;
    Object.assign(calculation, { reason: null, elapsed: 0 });
    try {
      calculation.id = (await api.compute(entry.file)).id;
      for (;;) {
        const state = await api.computation(calculation.id);
        Object.assign(calculation, { elapsed: state.elapsed, found: state.found, reason: state.reason });
        if (state.state !== "running") break;
        this.draw(entry);
        await new Promise((resolve) => setTimeout(resolve, EVERY));
      }
    } catch (error) {
      calculation.reason = error.message.replace(/\.$/, "");
    }
    calculation.id = null;
    this.draw(entry);
    if (calculation.found && entry === this.entry) this.whenFound(calculation.found);
  }

  // Made once for an entry, so that the button stays where it is while it is pressed.
  progress(entry, elapsed, seconds) {
    let bar = this.content.querySelector("progress");
    if (!bar || this.running !== entry) {
      bar = element("progress", { max: seconds, "aria-label": "Progress of the calculation, by the estimated time" });
      const cancel = element("button", { type: "button", id: "compute-cancel", text: "Cancel", onclick: () => this.cancel(entry) });
      this.content.replaceChildren(element("p", {}, bar, " ", element("span", { class: "hint" }), " ", cancel));
      this.running = entry;
    }
    bar.value = Math.min(elapsed, seconds);
    const late = elapsed > seconds ? "; it takes longer than estimated" : "";
    this.content.querySelector(".hint").textContent = `${duration(elapsed)} of about ${duration(seconds)}${late}`;
  }

  async cancel(entry) {
    await api.cancelComputation(entry.calculation.id).catch(() => null); // it has ended meanwhile
  }
}

function result(found, row) {
  const name = found.class;
  const said = name ? CLASSES[name].long : "Too close to call";
  const compared = !name || !row.label ? "" : name === row.label ? " The model says the same." : ` The model says: ${className(row.label)}.`;
  const gaps = [`Smallest gap at special momenta: ${volts(found.gap)}`, found.bands ? `on the path between them: ${volts(found.bands.gap)}` : ""].filter(Boolean).join("; ");
  const more = [found.indicator ? `Indicator ${found.indicator}.` : "", found.cut ? `The filling ends inside a degenerate level at ${found.cut}.` : ""].filter(Boolean).join(" ");
  const drawn = found.bands ? " Its bands are drawn over the sketch's, as thin dark lines." : "";
  return [
    element("p", {}, element("strong", { text: said }), `.${compared}`),
    name ? null : element("p", { text: `${upper(found.reason)}.` }),
    element("p", { text: `${gaps}. ${more}${drawn}` }),
    element("p", { class: "hint", text: `${found.settings}. ${duration(found.seconds)} of processor time.` }),
  ].filter(Boolean);
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const upper = (text) => text[0].toUpperCase() + text.slice(1);
