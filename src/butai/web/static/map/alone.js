// The page that stands alone: a file without a server, which works out every view itself. What stands behind the `#` of its
// address says which, as on the portal what stands behind the `?`.
"use strict";

import { make } from "../page.js";
import { Drawing, walkList } from "./drawing.js";
import { Graph } from "./graph.js";
import { draw, pictureOf, rowsOf } from "./shown.js";
import { View } from "./view.js";

const KEPT = "butai-map-language";
const TYPED_MS = 150;
const FEW = 12;
const MOST_LINKS = 200;
const MOST_TYPES = 8;

class AlonePage {
  constructor(data) {
    Object.assign(this, data);
    this.graph = new Graph(data);
    this.drawing = new Drawing();
    this.drawing.chosen = ({ id, group }) => this.go(group ? this.view.opened(id) : this.view.selected(id), id);
    this.form = document.querySelector(".seek");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.searched(); });
    this.form.search.addEventListener("input", () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.searched(), TYPED_MS); });
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("keydown", walkList);
    addEventListener("popstate", () => this.show());
    this.speak(languageOf(Object.keys(this.languages)));
  }

  speak(language) {
    this.language = language;
    this.words = this.everyWord[language];
    document.documentElement.lang = language;
    document.title = document.getElementById("map-title").textContent = this.say("title", { name: this.name });
    document.getElementById("map-date").textContent = this.say("as_of", { day: this.on });
    document.getElementById("map-stage").setAttribute("aria-label", this.words.drawing);
    this.form.search.setAttribute("aria-label", this.words.seek);
    this.form.search.placeholder = this.words.how;
    document.querySelectorAll("[data-word]").forEach((each) => { each.textContent = this.words[each.dataset.word]; });
    document.querySelectorAll("[data-label]").forEach((each) => { each.setAttribute("aria-label", this.words[each.dataset.label]); });
    const others = Object.entries(this.languages).filter(([code]) => code !== language);
    document.getElementById("map-language").replaceChildren(...others.map(([code, name]) => h("button", { class: "button plain", type: "button", lang: code, "data-language": code }, name)));
    this.show();
  }

  say(key, values = {}) { return this.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]); }

  // The same around an element.
  around(key, values) { return this.words[key].split(/\{(\w+)\}/).map((part, index) => (index % 2 ? values[part] : part)); }

  go(view, anchor = "") {
    history.pushState(null, "", view.link);
    this.show(anchor);
  }

  searched() {
    clearTimeout(this.typing);
    history.replaceState(null, "", this.view.with({ search: this.form.search.value.trim() }).link);
    this.show();
  }

  clicked(event) {
    const { language } = event.target.dataset;
    if (language) { keep(language); this.speak(language); document.querySelector("[data-language]").focus(); return; }
    const link = event.target.closest(".atlas a[href]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState(null, "", link.getAttribute("href"));
    this.show(link.dataset.keep?.replace(/^(fold|row) /, ""));
  }

  // --- a view --------------------------------------------------------------------------------------------------------
  show(anchor = "") {
    const before = this.view;
    const asked = new View(new URLSearchParams(location.hash.slice(1)), this.rules);
    const lost = ["focus", "impact", "node"].filter((each) => asked[each] && !this.graph.has(asked[each]));
    this.view = asked.with(Object.fromEntries(lost.map((each) => [each, ""])));
    if (before?.drawing !== this.view.drawing) this.picture = draw(this.graph, this.view, this.rules);
    this.visible = new Set(this.picture.cards.map((each) => each.id));
    const rows = rowsOf(this.graph, this.picture, this.view, this.figures[this.view.colour], this.rules);
    const [kept, scrolled] = [document.activeElement?.dataset?.keep, document.querySelector(".tree ul")?.scrollTop ?? 0];
    if (document.activeElement !== this.form.search) this.form.search.value = this.view.search;
    const choices = this.choices([...new Set(lost.map((each) => asked[each]))]);
    while (this.form.nextSibling) this.form.nextSibling.remove();
    this.form.after(...choices);
    document.getElementById("map-side").replaceChildren(...this.side(rows));
    const isStill = before?.drawing === this.view.drawing && before.node === this.view.node;
    this.drawing.show(pictureOf(this.graph, this.picture, rows, this.view), anchor, isStill);
    if (kept) document.querySelector(`[data-keep="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
    document.querySelector(".tree ul").scrollTop = scrolled;
    if (anchor) document.querySelector(".row[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  to(id) { return (this.visible.has(id) ? this.view.selected(id) : this.view.focused(id)).link; }

  chip(words, view, isOn, kept, more = {}) {
    return h("a", { class: isOn ? "chip on" : "chip", href: view.link, "data-keep": kept, "aria-current": isOn && "true", ...more }, ...words);
  }

  choices(lost) {
    const { view, words, rules } = this;
    const colours = rules.colours.map((each) => this.chip([words.colour[each]], view.with({ colour: each }), view.colour === each, `colour ${each}`));
    const kinds = rules.kinds.map((each) => this.chip([tone(each), words.kinds[each]], view.toggled(each), !view.hide.has(each), `kind ${each}`));
    const about = h("b", { class: "mono" }, view.focus || view.impact);
    return [
      colours.length > 1 && h("div", { class: "chips", role: "group", "aria-label": words.colours }, h("span", { class: "quiet" }, words.colours), ...colours),
      h("details", { class: "kinds", open: !view.hidesAsUsual || document.querySelector(".kinds")?.open }, h("summary", {}, words.all_kinds), h("div", { class: "chips" }, ...kinds)),
      view.colour !== "kind" && this.legend(),
      ...lost.map((each) => says("warn", this.around("lost", { about: h("b", { class: "mono" }, each) }))),
      view.impact && says("", this.around("reached", { about, count: Math.max(this.picture.total - 1, 0) }), this.wholeMap()),
      view.focus && says("", this.around("beside", { about }), ...this.steps(), this.wholeMap()),
      this.picture.held.length > 0 && says("warn", [this.say("held", { most: rules.most, count: this.picture.held.length })]),
    ].filter(Boolean);
  }

  wholeMap() { return h("a", { class: "button small", href: this.view.whole().link, "data-keep": "whole" }, this.words.whole); }

  steps() {
    return Array.from({ length: this.rules.most_steps }, (_, index) => index + 1)
      .map((each) => this.chip([each], this.view.focused(this.view.focus, each), this.view.steps === each, `steps ${each}`, { "aria-label": this.say("steps", { count: each }) }));
  }

  legend() {
    const ends = this.rules.ends[this.view.colour];
    const steps = [`< ${ends[0]}`, ...ends.map((each) => `≥ ${each}`)];
    return h("p", { class: "legend" }, h("span", { class: "quiet" }, this.words.measure[this.view.colour]),
      ...steps.map((each, index) => h("span", {}, tone(`step-${index}`), each)), h("span", {}, tone("unknown"), this.words.unknown));
  }

  // --- beside the drawing --------------------------------------------------------------------------------------------
  side(rows) {
    const { node } = this.view;
    const panel = node && (this.graph.groups.has(node) ? this.ofGroup(this.graph.groups.get(node)) : this.ofNode(this.graph.nodes.get(node)));
    return [panel, this.view.search && this.found(), this.list(rows)].filter(Boolean);
  }

  list(rows) {
    const visible = rows.filter(({ card }) => !card.group).length;
    return h("section", { class: "sheet tree", id: "map-list" },
      h("header", {}, h("h2", {}, this.words.list), h("span", { class: "do quiet" }, this.say("shown", { shown: visible, total: this.picture.total }))),
      h("ul", {}, ...rows.map((each) => this.row(each))));
  }

  row({ card, title, kind, tone: colour, found }) {
    const name = card.group === "kind" ? this.words.kinds[title] : title;
    const fold = { class: "fold", "data-keep": `fold ${card.id}`, "aria-expanded": String(card.isOpen), "aria-label": this.say(card.isOpen ? "close" : "open", { name }), href: (card.isOpen ? this.view.closed(card.id) : this.view.opened(card.id)).link };
    return h("li", { class: `row is-level-${Math.min(card.level, 6)}${found ? " hit" : ""}`, "aria-current": card.id === this.view.node && "true" },
      card.group ? h("a", fold) : h("span", { class: "fold" }), tone(colour),
      h("a", { class: "what", href: this.view.selected(card.id).link, "data-keep": `row ${card.id}` }, name, h("span", { class: "visually-hidden" }, ` ${this.words.kind[kind]}`)),
      card.group && h("span", { class: "number" }, card.count));
  }

  found() {
    const found = this.graph.search(this.view.search);
    const shown = found.slice(0, this.rules.most_found);
    const left = found.length - shown.length;
    return h("section", { class: "sheet", id: "found" },
      h("header", {}, h("h2", {}, this.say("found", { count: found.length })), h("span", { class: "do" }, h("a", { href: this.view.with({ search: "" }).link, "data-keep": "clear" }, this.words.clear))),
      found.length ? h("ul", { class: "links" }, ...shown.map((each) => this.link(each, each.module, `found ${each.id}`))) : h("p", { class: "note quiet" }, this.words.nothing),
      left > 0 && h("p", { class: "note quiet" }, this.say("more", { count: left })));
  }

  link(node, beside, kept) {
    return h("li", {}, h("a", { class: "mono", href: this.to(node.id), "data-keep": kept }, node.address || node.id), beside && h("span", { class: "quiet mono" }, beside));
  }

  panel(title, facts, actions, ...more) {
    return h("section", { class: "sheet panel", id: "map-node" },
      h("header", {}, h("h2", { class: "mono" }, title), h("span", { class: "do" }, h("a", { href: this.view.selected("").link, "aria-label": this.words.close_panel, "data-keep": "panel" }, "×"))),
      h("dl", { class: "facts" }, ...facts.filter(([, value]) => value !== "" && value != null).flatMap(([name, value, style]) => [h("dt", {}, name), h("dd", { class: style }, value)])),
      h("div", { class: "do foot" }, ...actions.map(([words, view, kept]) => h("a", { class: "button small", href: view.link, "data-keep": kept }, words))), ...more);
  }

  ofNode(node) {
    const { words, graph, view } = this;
    const figures = this.rules.colours.slice(1).map((each) => [words.measure[each], this.figures[each][graph.number.get(node.id)]]);
    const impact = graph.impact(node.id).length;
    return this.panel(node.address || node.id,
      [[words.what, words.kind[node.kind]], [words.folder, node.module, "mono"], [words.place, node.file && `${node.file}:${node.line}`, "mono"], ...figures],
      [[words.focus, view.focused(node.id), "focus"], [this.say("impact_count", { count: impact }), view.reached(node.id), "impact"]],
      this.sourceOf(node), this.links(words.needs, graph.links(graph.uses.get(node.id), "target")), this.links(words.needed_by, graph.links(graph.usedBy.get(node.id), "source")));
  }

  // Its own lines, as they were when the page was made.
  sourceOf(node) {
    if (!this.source || !node.line) return null;
    const lines = this.source[this.graph.number.get(node.id)]?.split("\n");
    if (!lines) return h("p", { class: "note quiet" }, this.words.no_source);
    const left = node.endLine - node.line + 1 - lines.length;
    return h("div", { class: "source", tabindex: "0", role: "group", "aria-label": this.words.source },
      h("ol", {}, ...lines.map((each, index) => h("li", {}, h("span", { class: "no" }, node.line + index), h("span", {}, each)))),
      left > 0 && h("p", { class: "note quiet" }, this.say("more", { count: left })));
  }

  links(title, found) {
    if (!found.length) return null;
    return h("details", { open: found.length <= FEW }, h("summary", {}, `${title} `, h("b", {}, found.length)),
      h("ul", { class: "links" }, ...found.slice(0, MOST_LINKS).map(({ node, attribute }) => this.link(node, attribute))));
  }

  ofGroup(group) {
    const { words, graph, view } = this;
    const nodes = graph.nodesIn(group.id).map((each) => graph.nodes.get(each));
    const module = graph.modules.get(group.id);
    const isOpen = this.picture.cards.some((each) => each.id === group.id && each.isOpen);
    const title = group.kind === "kind" ? words.kinds[group.name] : group.kind === "type" ? group.name : group.id;
    const types = counted(nodes.filter((each) => each.kind === "resource").map((each) => each.type)).slice(0, MOST_TYPES);
    const callers = (graph.usedBy.get(group.id) ?? []).filter((edge) => edge.uses === "source");
    return this.panel(title,
      [[words.what, words.kind[group.kind]], ...counted(nodes.map((each) => each.kind)).map(([kind, count]) => [words.kinds[kind], count]), ["Terraform", module?.version, "mono"]],
      [isOpen ? [words.close_group, view.closed(group.id), "toggle"] : [words.open_group, view.opened(group.id), "toggle"], [words.focus, view.focused(group.id), "focus"], [words.impact, view.reached(group.id), "impact"]],
      folded(words.types, types.map(([type, count]) => h("li", {}, h("span", { class: "mono" }, type), h("span", { class: "quiet" }, count))), true),
      folded(words.files, (module?.files ?? []).map((file) => h("li", { class: "mono" }, file)), false),
      folded(words.called_by, callers.map((edge) => h("li", {}, h("a", { class: "mono", href: this.to(edge.source) }, edge.source))), true));
  }
}

// --- pieces of a page ------------------------------------------------------------------------------------------------
// Every word comes in as text, never as markup: names and source lines are a repository's. As on the portal nothing in them makes
// a line read as another one.
const plain = (words) => (typeof words === "string" ? words.replace(/(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd") : words);

function h(tag, attributes = {}, ...inside) {
  const element = make(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...inside.filter((each) => each != null && each !== false && each !== "").map(plain));
  return element;
}

const tone = (name) => h("i", { class: `tone is-${name}`, "aria-hidden": "true" });
const says = (look, words, ...actions) => h("div", { class: look ? `says ${look}` : "says" }, h("div", {}, h("p", {}, ...words)), actions.length > 0 && h("div", { class: "do" }, ...actions));
const folded = (title, items, isOpen) => items.length > 0 && h("details", { open: isOpen }, h("summary", {}, `${title} `, h("b", {}, items.length)), h("ul", { class: "links" }, ...items));

// The commonest first.
function counted(all) {
  const counts = new Map();
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}

function languageOf(known) {
  const wanted = [stored(), ...navigator.languages.map((each) => each.split("-")[0])];
  return wanted.find((each) => known.includes(each)) ?? known[0];
}

// A browser may refuse a file a place to keep anything.
function stored() { try { return localStorage.getItem(KEPT); } catch { return null; } }
function keep(language) { try { localStorage.setItem(KEPT, language); } catch { /* It is asked again. */ } }

const held = Uint8Array.from(atob(document.getElementById("map-data").textContent), (each) => each.charCodeAt(0));
const { words: everyWord, ...carried } = await new Response(new Blob([held]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
new AlonePage({ ...carried, everyWord });
