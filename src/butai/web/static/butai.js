// The portal's own script: live log, branch picker, theme, copying. Everything works without it, only less live.
"use strict";

const each = (selector, act, within = document) => within.querySelectorAll(selector).forEach(act);
const make = (tag, className, text = "") => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text; // text, never markup
  return element;
};

// --- theme -----------------------------------------------------------------------------------------------------------
const THEMES = ["auto", "light", "dark"];
function setUpTheme(button) {
  const now = () => document.documentElement.dataset.theme ?? "auto";
  const show = () => { button.textContent = button.dataset[now()]; };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(now()) + 1) % THEMES.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("butai-theme", next); } catch { /* only for this page then */ }
    show();
  });
  show();
}

// --- copying ---------------------------------------------------------------------------------------------------------
function setUpCopy(button) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

// The same as a command, while the form is filled in.
function setUpCommand(form) {
  const [pre, copy] = document.querySelectorAll(`${form.dataset.command} pre, ${form.dataset.command} [data-copy]`);
  const quoted = (word) => (/^[\w./@:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  const show = () => {
    const values = Object.fromEntries(new FormData(form));
    const flags = [];
    if (form.dataset.blueprint) flags.push(`--blueprint ${form.dataset.blueprint}`);
    for (const [name, value] of Object.entries(values)) {
      if (name.startsWith("service.") && value) flags.push(`--service ${name.slice(8)}=${quoted(value)}`);
    }
    for (const name of ["purpose", "owner"]) if (values[name]) flags.push(`--${name} ${quoted(values[name])}`);
    pre.textContent = copy.dataset.copy = [`butai env create ${quoted(values.name || "NAME")}`, ...flags].join(" \\\n  ");
  };
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
}

// --- live log --------------------------------------------------------------------------------------------------------
class Log {
  constructor(element) {
    this.element = element;
    this.after = Number(element.dataset.after || 0);
    this.unseen = 0;
    this.following = true;
    this.follow = element.querySelector(".follow");
    this.lost = element.querySelector(".lost");
    this.title = document.title;
    this.follow.querySelector("button").addEventListener("click", () => this.catchUp());
    element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.toBottom();
    this.connect();
  }

  connect() {
    const source = new EventSource(`${this.element.dataset.stream}?after=${this.after}`);
    source.addEventListener("open", () => { this.lost.hidden = true; });
    source.addEventListener("line", (event) => this.add(JSON.parse(event.data)));
    source.addEventListener("run", (event) => this.show(JSON.parse(event.data)));
    source.addEventListener("end", () => { source.close(); setTimeout(() => this.end(), 600); });
    source.addEventListener("error", () => {
      this.lost.textContent = this.element.dataset.lost;
      this.lost.hidden = false;
      // The browser tries again by itself, unless it was told to stop: then we do, from the last line.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), 3000);
    });
  }

  add(line) {
    if (line.seq <= this.after) return;
    this.after = line.seq;
    this.lines(line.step).append(logLine(line));
    if (this.following) this.toBottom();
    else {
      this.unseen += 1;
      this.follow.hidden = false;
      this.follow.querySelector("button").textContent = this.element.dataset.newLines.replace("{n}", this.unseen);
    }
  }

  lines(step) {
    let details = this.element.querySelector(`details[data-step="${CSS.escape(step)}"]`);
    if (!details) {
      each("details", (other) => { other.open = false; settle(other); }, this.element);
      details = make("details");
      details.dataset.step = step;
      details.open = true;
      const summary = make("summary");
      summary.append(make("span", "state busy dot"), make("span", "", this.element.getAttribute(`data-title-${step}`) ?? step));
      details.append(summary, make("ol"));
      this.lost.before(details);
    }
    return details.querySelector("ol");
  }

  show(run) {
    const words = { done: run.done, planned: run.planned, waiting: run.waiting_for };
    for (const [name, value] of Object.entries(words)) each(`[data-run="${name}"]`, (e) => { e.textContent = value; });
    each('[data-run="bar"]', (bar) => { bar.max = run.planned || 1; bar.value = run.done; });
    document.title = run.planned ? `${run.done}/${run.planned} ${this.title}` : this.title;
  }

  end() {
    document.dispatchEvent(new CustomEvent("butai:end"));
    location.reload();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    this.following = scrollHeight - scrollTop - clientHeight < 24;
    if (this.following) { this.unseen = 0; this.follow.hidden = true; }
  }

  catchUp() {
    this.following = true;
    this.unseen = 0;
    this.follow.hidden = true;
    this.toBottom();
  }

  toBottom() { this.element.scrollTop = this.element.scrollHeight; }
}

function settle(details) {
  each(".state.busy", (state) => { state.className = "state up dot"; state.replaceChildren(); }, details.querySelector("summary"));
}

function logLine(line) {
  const { severity, file, line: number, detail } = line.detail;
  const wrong = line.kind === "failed" || severity === "error";
  const item = make("li", `is-${line.kind}${wrong ? " is-wrong" : ""}`);
  item.id = `L${line.seq}`;
  const link = make("a");
  link.href = `#${item.id}`;
  link.append(make("time", "", line.at.slice(11, 19)));
  const text = make("span", "", line.message);
  if (file) text.append(" ", make("b", "place", number ? `${file}:${number}` : file));
  if (detail) text.append(make("span", "detail", detail));
  item.append(link, text);
  return item;
}

// --- branch picker: a select that can be searched --------------------------------------------------------------------
class Picker {
  constructor(select) {
    this.select = select;
    this.options = [...select.options].map((option) => ({ ...option.dataset, name: option.value, label: option.text }));
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
    const box = make("div", "pick");
    select.before(box);
    box.append(this.input, this.list, select);
    select.hidden = true;
    this.shown = this.options;
    this.at = -1;
    this.reset();
    this.listen();
  }

  listen() {
    this.input.addEventListener("focus", () => { this.input.select(); this.open(this.options); });
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) { this.move(moves[event.key]); event.preventDefault(); }
    else if (event.key === "Enter" && !this.list.hidden && this.at >= 0) { this.take(this.shown[this.at]); event.preventDefault(); }
    else if (event.key === "Escape") { this.close(); event.stopPropagation(); }
  }

  search() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(async () => {
      const words = this.input.value;
      const answer = await fetch(`${this.select.dataset.source}&search=${encodeURIComponent(words)}`);
      if (!answer.ok || words !== this.input.value) return;
      const found = await answer.json();
      this.open(found.map((b) => ({ ...b, commit: b.commit.slice(0, 7) })));
    }, 150);
  }

  open(options) {
    this.shown = options;
    this.at = -1;
    this.list.replaceChildren(...options.map((option, index) => this.item(option, index)));
    if (!options.length) this.list.append(make("li", "none", this.select.dataset.none));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  item(option, index) {
    const item = make("li");
    item.id = `${this.list.id}-${index}`;
    item.setAttribute("role", "option");
    item.append(make("b", "", option.name || option.label));
    if (option.commit) item.append(make("span", "mono", option.commit), make("span", "", option.author), make("span", "subject", option.subject));
    item.addEventListener("mousedown", (event) => { event.preventDefault(); this.take(option); });
    return item;
  }

  move(step) {
    if (this.list.hidden) this.open(this.options);
    this.at = Math.max(0, Math.min(this.shown.length - 1, this.at + step));
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.at)));
    const item = this.list.children[this.at];
    if (item) { this.input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
  }

  take(option) {
    if (![...this.select.options].some((known) => known.value === option.name)) this.select.add(new Option(option.name, option.name));
    this.select.value = option.name;
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.reset();
  }

  reset() { this.input.value = this.select.value || this.select.selectedOptions[0]?.text || ""; }
}

document.addEventListener("DOMContentLoaded", () => {
  each("[data-theme-switch]", setUpTheme);
  each("[data-copy]", setUpCopy);
  each("form[data-command]", setUpCommand);
  each("select[data-picker]", (select) => new Picker(select));
  each(".log[data-stream]", (log) => new Log(log));
  each("select[data-go]", (select) => select.addEventListener("change", () => { location.href = select.dataset.go + encodeURIComponent(select.value); }));
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const jump = document.querySelector("[data-jump]");
  if (jump) { jump.focus(); event.preventDefault(); }
});
