// The portal's own script: theme, copying, jumping, what refreshes by itself. Everything works without it, only less live.
"use strict";

import { EnvironmentPage } from "./environment.js";
import { each } from "./page.js";
import { Picker } from "./picker.js";

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
    try { await navigator.clipboard.writeText(button.dataset.copy); }
    catch { select(button.parentElement.querySelector("pre")); return; } // not allowed: Ctrl-C then takes it
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

function select(element) {
  if (element) getSelection().selectAllChildren(element);
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

// Another choice is another page; what was typed in this one goes along.
function setUpGo(chosen) {
  chosen.addEventListener("change", () => {
    const typed = new FormData(chosen.form);
    const kept = chosen.dataset.keep.split(" ").filter((name) => typed.get(name));
    location.href = `${chosen.dataset.go}?${new URLSearchParams([chosen.name, ...kept].map((name) => [name, typed.get(name)]))}`;
  });
}

// --- what refreshes by itself ----------------------------------------------------------------------------------------
// An answer that is an error is not put into the page: what is there stays, and a sentence says that it is old.
function setUpSaid(said) {
  const say = (text) => { said.textContent = text; said.hidden = !text; };
  document.addEventListener("htmx:response:error", (event) => {
    say(event.detail.ctx.response.status === 401 ? said.dataset.signedOut : said.dataset.failed);
  });
  document.addEventListener("htmx:error", () => say(said.dataset.lost));
  document.addEventListener("htmx:after:request", (event) => { if (event.detail.ctx.response.status < 400) say(""); });
}

// --- all of it -------------------------------------------------------------------------------------------------------
function setUp(within) {
  each("[data-copy]", setUpCopy, within);
  each("form[data-command]", setUpCommand, within);
  each("select[data-picker]", (found) => new Picker(found), within);
  each("select[data-go]", setUpGo, within);
}

each("[data-theme-switch]", setUpTheme);
each("[data-said]", setUpSaid);
each("#headline", () => new EnvironmentPage(setUp));
setUp(document);

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const jump = document.querySelector("[data-jump]");
  if (jump) { jump.focus(); event.preventDefault(); }
});
