// A select that can be searched: branches by name, author, message and commit. Without script the select stays.
"use strict";

import { make } from "./page.js";

const ASK_AFTER_MS = 150;
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

export class Picker {
  constructor(select) {
    this.select = select;
    this.known = [...select.options].map((option) => ({ ...option.dataset, name: option.value, label: option.text }));
    this.shown = [];
    this.at = -1;
    this.isOpen = false;
    this.build();
    this.reset();
    this.listen();
  }

  build() {
    const { select } = this;
    this.input = make("input", "picker");
    Object.assign(this.input, { type: "text", autocomplete: "off", spellcheck: false, placeholder: select.dataset.search });
    this.list = make("ul", "choices");
    this.list.id = `${select.id || select.name.replace(/\W/g, "-")}-choices`;
    this.list.setAttribute("role", "listbox");
    this.list.hidden = true;
    const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
    const label = select.getAttribute("aria-label");
    if (label) this.input.setAttribute("aria-label", label);
    else { this.input.id = select.id; select.removeAttribute("id"); }
    this.list.setAttribute("aria-label", label ?? this.input.labels?.[0]?.textContent ?? select.name);
    const box = make("div", "pick");
    select.before(box);
    box.append(this.input, this.list, select);
    select.hidden = true;
  }

  listen() {
    this.input.addEventListener("focus", () => { this.input.select(); this.search(""); });
    this.input.addEventListener("click", () => { if (!this.isOpen) this.search(""); });
    this.input.addEventListener("input", () => this.search(this.input.value));
    this.input.addEventListener("blur", () => this.leave());
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "Enter" && this.isOpen) this.take(this.shown[this.at] ?? this.exact() ?? null);
    else if (event.key === "Escape" && this.isOpen) this.close();
    else return;
    event.preventDefault();
  }

  // What is known is shown at once, so that nobody who types fast gets another branch; the server's answer follows.
  // A select that came with a few names only shows nothing before the answer: a list must not change under the mouse.
  search(words) {
    this.words = words;
    this.isOpen = true;
    const { source } = this.select.dataset;
    if (!source || this.known.some((each) => each.commit)) this.open(this.matching(words));
    clearTimeout(this.waiting);
    if (source) this.waiting = setTimeout(() => this.ask(source, words), words ? ASK_AFTER_MS : 0);
  }

  async ask(source, words) {
    const answer = await fetch(`${source}&search=${encodeURIComponent(words)}`).catch(() => null);
    const found = answer?.ok ? (await answer.json()).map(branchOf) : null;
    if (found && !words) this.known = [...this.known.filter((each) => !each.name), ...found];
    if (words !== this.words || !this.isOpen) return;
    const none = this.matching(words).filter((each) => !each.name);
    this.open(found ? [...none, ...found] : this.matching(words), this.shown[this.at]?.name);
  }

  matching(words) {
    return this.known.filter((each) => matches(each, words));
  }

  open(options, chosen) {
    this.shown = options;
    this.list.replaceChildren(...options.map((option, index) => this.item(option, index)));
    if (!options.length) this.list.append(make("li", "none", this.select.dataset.none));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark(chosen === undefined ? -1 : options.findIndex((option) => option.name === chosen));
  }

  item(option, index) {
    const item = make("li");
    item.id = `${this.list.id}-${index}`;
    item.setAttribute("role", "option");
    item.append(make("b", "", option.name || option.label));
    const details = { mono: option.commit, author: option.author, subject: option.subject, age: age(option.when) };
    for (const [name, text] of Object.entries(details)) if (text) item.append(make("span", name, text));
    item.setAttribute("aria-label", option.name || option.label);
    item.setAttribute("aria-description", Object.values(details).filter(Boolean).join(", "));
    item.addEventListener("mousedown", (event) => { event.preventDefault(); this.take(option); });
    return item;
  }

  move(step) {
    if (!this.isOpen) this.search("");
    if (this.shown.length) this.mark(Math.max(0, Math.min(this.shown.length - 1, this.at + step)));
  }

  mark(at) {
    this.at = at;
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    const item = this.list.children[at];
    if (item) { this.input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    else this.input.removeAttribute("aria-activedescendant");
  }

  exact() {
    return this.shown.find((option) => option.name && option.name === this.input.value.trim());
  }

  take(option) {
    if (!option) return;
    if (![...this.select.options].some((one) => one.value === option.name)) this.select.add(new Option(option.name, option.name));
    this.select.value = option.name;
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
    this.close();
  }

  // A name that was typed in full counts, though nothing was chosen from the list.
  leave() {
    if (!this.isOpen) return;
    if (this.exact()) this.take(this.exact());
    else this.close();
  }

  close() {
    clearTimeout(this.waiting);
    this.isOpen = false;
    this.shown = [];
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.mark(-1);
    this.reset();
  }

  reset() { this.input.value = this.select.value || this.select.selectedOptions[0]?.text || ""; }
}

const branchOf = (found) => ({ ...found, commit: found.commit.slice(0, 7), when: found.committed_at });

// The rule of the server's search: every word, in name, author, message or commit.
function matches(option, words) {
  const text = `${option.name || option.label}\n${option.author ?? ""}\n${option.subject ?? ""}\n${option.commit ?? ""}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function age(when) {
  if (!when) return "";
  const seconds = (Date.now() - new Date(when)) / 1000;
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(-Math.floor(seconds / size), unit);
}
