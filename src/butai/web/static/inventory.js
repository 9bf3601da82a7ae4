// The map of a repository: draws what the server has placed. Every action is a link to another view, so that the page works
// without this, an address is a view for good, and the list and the drawing never differ.
"use strict";

const READABLE = 0.6; // Smaller, nobody can read it.
const AROUND = 20;
const LETTERS = 12.5;
const BESIDE = 22;
const MOST_FOUND = 50;
// The library would write this style sheet into the page, which the portal's policy forbids; the portal's own has the rule.
const MARK = "__________cytoscape_stylesheet";

const stage = document.getElementById("map-stage");
const read = () => JSON.parse(document.getElementById("map-data").textContent);

class Drawing {
  constructor() {
    if (!document.getElementById(MARK)) document.head.append(Object.assign(document.createElement("template"), { id: MARK }));
    this.place = stage.appendChild(document.createElement("div"));
    this.place.className = "canvas";
    stage.querySelector("[data-no-script]").remove();
    this.graph = cytoscape({
      container: this.place, layout: { name: "preset" }, autoungrabify: true, autounselectify: true, boxSelectionEnabled: false,
      minZoom: 0.04, maxZoom: 2.5, pixelRatio: "auto", hideEdgesOnViewport: false, textureOnViewport: false,
    });
    this.graph.on("tap", "node", (event) => this.chosen?.(event.target.data()));
    this.graph.on("mouseover", "node", (event) => this.light(event.target));
    this.graph.on("mouseout", "node", () => this.light(null));
    this.told = stage.appendChild(document.createElement("p"));
    this.told.className = "told mono";
    const zoom = stage.querySelector(".zoom");
    zoom.hidden = false;
    zoom.addEventListener("click", ({ target }) => this.zoom(Number(target.dataset.zoom)));
    new ResizeObserver(() => this.graph.resize()).observe(this.place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    new MutationObserver(() => this.paint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  // `anchor`: what was clicked on stays under the mouse.
  show({ nodes, lines }, anchor = "") {
    const before = this.graph.getElementById(anchor);
    const held = before.length ? before.renderedPosition() : null;
    const measure = measureOf(this.place);
    this.graph.startBatch();
    this.graph.elements().remove();
    this.graph.add(nodes.map((each) => ({ group: "nodes", data: { ...each, label: label(each, measure) }, position: middle(each), classes: classes(each) })));
    this.graph.add(lines.map(([source, target, weight, isGiven]) => ({ group: "edges", classes: isGiven ? "given" : "", data: { source, target, weight: Math.min(1 + Math.log2(weight), 5), ...bend(this.graph, source, target) } })));
    this.graph.endBatch();
    this.paint();
    const now = this.graph.getElementById(anchor);
    if (held && now.length) { this.hold(now, held); return; }
    this.fit();
  }

  hold(node, place) {
    const now = node.renderedPosition();
    this.graph.panBy({ x: place.x - now.x, y: place.y - now.y });
  }

  // All of it where it can be read then; otherwise what it is about, or its beginning.
  fit() {
    this.graph.fit(undefined, AROUND);
    if (this.graph.zoom() > 1) { this.graph.zoom(1); this.graph.center(); }
    if (this.graph.zoom() >= READABLE) return;
    this.graph.zoom(READABLE);
    const about = this.graph.nodes("[?chosen], [?centre], .found");
    if (about.length) this.graph.center(about.first());
    this.graph.pan({ x: this.filling("x", "width", about.length), y: this.filling("y", "height", about.length) });
  }

  // Where to stand so that the drawing fills the room, as near as can be to where it stands now, or else to its beginning.
  filling(side, size, isPlaced) {
    const { x1, x2, y1, y2 } = this.graph.elements().boundingBox({ includeLabels: false });
    const [from, to] = (side === "x" ? [x1, x2] : [y1, y2]).map((each) => each * this.graph.zoom());
    const room = this.graph[size]();
    if (to - from <= room - 2 * AROUND) return (room - from - to) / 2;
    return isPlaced ? Math.min(AROUND - from, Math.max(room - AROUND - to, this.graph.pan()[side])) : AROUND - from;
  }

  zoom(by) {
    if (!by) { this.graph.fit(undefined, AROUND); return; }
    const centre = { x: this.graph.width() / 2, y: this.graph.height() / 2 };
    this.graph.zoom({ level: this.graph.zoom() * by, renderedPosition: centre });
  }

  // What a node is joined to.
  light(node) {
    this.graph.batch(() => {
      this.graph.elements().removeClass("near far");
      if (!node || node.data("box")) return;
      const near = node.closedNeighborhood();
      near.addClass("near");
      this.graph.edges().not(near).addClass("far");
    });
    this.place.style.cursor = node ? "pointer" : "";
    this.told.textContent = node ? [node.data("title"), node.data("count") || ""].join(" ").trim() : "";
  }

  paint() {
    const colour = colours();
    const tones = [...new Set(this.graph.nodes().map((each) => each.data("tone")))];
    this.graph.style([
      { selector: "node", style: {
        width: "data(width)", height: "data(height)", shape: "round-rectangle", label: "data(label)", "text-halign": "right", "text-margin-x": (node) => 14 - node.data("width"), "corner-radius": 5,
        "background-color": colour("sheet"), "border-width": 1, "border-color": colour("line"), color: colour("ink"),
        "font-family": getComputedStyle(document.body).fontFamily, "font-size": LETTERS, "text-wrap": "wrap", "text-max-width": 400,
        "text-valign": "center", "text-justification": "left", "min-zoomed-font-size": 4,
        "background-fill": "linear-gradient", "background-gradient-direction": "to-right", "line-height": 1.25,
      } },
      ...tones.map((tone) => ({ selector: `node[tone = "${tone}"]`, style: {
        "background-gradient-stop-colors": [colour(`tone is-${tone}`), colour(`tone is-${tone}`), colour("sheet"), colour("sheet")],
        "background-gradient-stop-positions": [0, 3.4, 3.5, 100],
      } })),
      { selector: ".group", style: { "border-color": colour("line-2"), "border-style": "double", "border-width": 4, "font-weight": 600 } },
      { selector: ".box", style: {
        "background-fill": "solid", "background-color": colour("well"), "background-opacity": 0.55, "border-color": colour("line-2"),
        "text-valign": "top", "text-margin-y": 22, "font-weight": 600, "font-size": 14, "z-index": 0, "min-zoomed-font-size": 2,
      } },
      { selector: "node[!box]", style: { "z-index": 3 } },
      { selector: ".found", style: { "border-color": colour("warn"), "border-width": 2.5 } },
      { selector: "[?centre]", style: { "border-color": colour("ai"), "border-width": 2 } },
      { selector: "[?chosen]", style: { "border-color": colour("ai"), "border-width": 3 } },
      { selector: "edge", style: {
        width: "data(weight)", "line-color": colour("line-2"), "line-opacity": 0.5, "target-arrow-color": colour("line-2"), "target-arrow-shape": "triangle",
        "arrow-scale": 0.7, "curve-style": "unbundled-bezier", "control-point-distances": (edge) => edge.data("distances"), "control-point-weights": (edge) => edge.data("weights"),
        "source-endpoint": (edge) => edge.data("from"), "target-endpoint": (edge) => edge.data("to"), "edge-distances": "endpoints", "z-index": 2, events: "no",
      } },
      { selector: "edge.given", style: { "line-style": "dashed" } },
      { selector: "edge.near", style: { "line-color": colour("ai"), "target-arrow-color": colour("ai"), "line-opacity": 1, "z-index": 4 } },
      { selector: "edge.far", style: { "line-opacity": 0.12 } },
    ]);
  }
}

// A group is called what the list calls it, in the language of the page. Of what is too long the end is shown: names differ there.
function label({ id, label, count, width }, measure) {
  const row = document.querySelector(`[data-keep="${CSS.escape(`row ${id}`)}"]`);
  const words = count && row ? `${row.firstChild.data.trim()}  ${count}` : label;
  return words.split("\n").map((line) => {
    let shown = line;
    while (measure(shown, count) > width - BESIDE && shown.length > 4) shown = `…${shown.slice(shown.startsWith("…") ? 2 : 1)}`;
    return shown;
  }).join("\n");
}

function measureOf(place) {
  const drawn = new OffscreenCanvas(1, 1).getContext("2d");
  const { fontFamily } = getComputedStyle(place);
  return (words, bold) => {
    drawn.font = `${bold ? 600 : 400} ${LETTERS}px ${fontFamily}`;
    return drawn.measureText(words).width;
  };
}

const middle = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });
const classes = ({ group, box, found }) => [group && "group", box && "box", found && !box && "found"].filter(Boolean).join(" ");

// From a right side to a left side, or between the same sides where it leads back; level where it leaves and where it arrives.
function bend(graph, source, target) {
  const [one, other] = [graph.getElementById(source), graph.getElementById(target)];
  const forward = one.position("x") <= other.position("x");
  const [out, into] = forward ? [1, -1] : [-1, 1];
  const start = { x: one.position("x") + out * one.data("width") / 2, y: one.position("y") };
  const end = { x: other.position("x") + into * other.data("width") / 2, y: other.position("y") };
  const [dx, dy] = [end.x - start.x, end.y - start.y];
  const length = Math.hypot(dx, dy) || 1;
  const points = [[dx / 2, 0], [dx / 2, dy]];
  return {
    weights: points.map(([x, y]) => (x * dx + y * dy) / length ** 2),
    distances: points.map(([x, y]) => (y * dx - x * dy) / length),
    from: `${out * 50}% 0%`, to: `${into * 50}% 0%`,
  };
}

// A token of the sheet, or the colour of a tone, as the library understands it.
function colours() {
  const probe = stage.appendChild(document.createElement("i"));
  const point = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const find = (name) => {
    probe.className = name.startsWith("tone") ? name : `probe is-${name}`;
    point.clearRect(0, 0, 1, 1);
    point.fillStyle = getComputedStyle(probe).backgroundColor;
    point.fillRect(0, 0, 1, 1);
    const [red, green, blue] = point.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  };
  queueMicrotask(() => probe.remove());
  return (name) => known.get(name) ?? known.set(name, find(name)).get(name);
}

// --- the portal ------------------------------------------------------------------------------------------------------
// Another view without another page: what is read, typed and zoomed stays.
const PARTS = ["map-bar", "map-side", "map-data"];

class Atlas {
  constructor() {
    this.drawing = new Drawing();
    this.drawing.chosen = ({ id, query }) => this.go(`${location.pathname}?${query}`, id);
    this.drawing.show(read());
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("submit", (event) => this.submitted(event));
    document.addEventListener("keydown", (event) => this.pressed(event));
    addEventListener("popstate", () => this.go(location.href, "", false));
  }

  clicked(event) {
    const link = event.target.closest("a[href]");
    const elsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link?.closest(".atlas") || elsewhere || link.pathname !== location.pathname) return;
    event.preventDefault();
    this.go(link.href, link.dataset.keep?.replace(/^(fold|row) /, ""));
  }

  submitted(event) {
    if (!event.target.closest(".atlas") || event.target.method === "post") return;
    event.preventDefault();
    const asked = new URLSearchParams(new FormData(event.target));
    if (!asked.get("search")) asked.delete("search");
    this.go(`${location.pathname}?${asked}`);
  }

  // Up and down in the list, to the right opens and to the left closes, as in other trees.
  pressed(event) {
    const row = event.target.closest(".row");
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const beside = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    const fold = row.querySelector(`a.fold[aria-expanded="${event.key === "ArrowLeft"}"]`);
    if (beside) { beside.querySelector(".what").focus(); event.preventDefault(); }
    else if (fold && ["ArrowLeft", "ArrowRight"].includes(event.key)) { fold.click(); event.preventDefault(); }
  }

  async go(address, anchor = "", isNew = true) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    stage.setAttribute("aria-busy", "true");
    const answer = await fetch(address).catch(() => null);
    if (turn !== this.turn) return;
    stage.removeAttribute("aria-busy");
    if (!answer?.ok) { location.href = address; return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const kept = document.activeElement?.dataset?.keep;
    const scrolled = document.querySelector(".tree ul")?.scrollTop;
    for (const id of PARTS) document.getElementById(id).replaceWith(document.adoptNode(fresh.getElementById(id)));
    document.getElementById("map-link").dataset.copy = fresh.getElementById("map-link").dataset.copy;
    if (isNew) history.pushState(null, "", address);
    this.drawing.show(read(), anchor);
    if (kept) document.querySelector(`[data-keep="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
    const list = document.querySelector(".tree ul");
    if (list) list.scrollTop = scrolled;
    document.querySelector(".row[aria-current]")?.scrollIntoView({ block: "nearest" });
  }
}

// --- the page that stands alone --------------------------------------------------------------------------------------
// A file without a server: every view is in it, and what stands behind the `#` of its address says which.
class Alone {
  constructor({ views, nodes, lines }) {
    Object.assign(this, { views, nodes, byId: new Map(nodes.map((each) => [each.id, each])) });
    this.needs = new Map();
    this.neededBy = new Map();
    for (const [source, target] of lines) {
      put(this.needs, nodes[source].id, nodes[target].id);
      put(this.neededBy, nodes[target].id, nodes[source].id);
    }
    this.drawing = new Drawing();
    this.drawing.chosen = (each) => { location.hash = this.to(each).slice(1); };
    this.field = document.querySelector(".seek input");
    this.field.form.addEventListener("submit", (event) => event.preventDefault());
    this.field.addEventListener("input", () => history.replaceState(null, "", this.link({ search: this.field.value })) ?? this.list());
    addEventListener("hashchange", () => this.show());
    this.show();
  }

  get asked() { return Object.fromEntries(new URLSearchParams(location.hash.slice(1))); }

  link(change) { return `#${new URLSearchParams(Object.entries({ ...this.asked, ...change }).filter(([, value]) => value))}`; }

  // A group is a view of its own; a kind is shown with its folder; a node is told about where it is visible.
  to({ id, group, box }) {
    if (group || box) return this.link({ view: id.split("::")[0], node: "" });
    const folder = this.byId.get(id)?.module ?? "";
    return this.link({ node: id, view: this.shown?.nodes.some((each) => each.id === id) ? this.asked.view : folder });
  }

  show() {
    const { view = "", node = "", search = "" } = this.asked;
    const next = this.views[view] ?? this.views[""];
    if (this.field.value !== search) this.field.value = search;
    const isSame = next === this.shown;
    this.shown = next;
    for (const each of next.nodes) each.chosen = each.id === node;
    this.list();
    this.drawing.show(next, isSame ? node : "");
    document.getElementById("map-whole").hidden = !view;
    document.getElementById("map-view").textContent = view;
  }

  list() {
    const { node = "", search = "" } = this.asked;
    const rows = this.shown.nodes.map((each) => this.row(each));
    document.querySelector("#map-list ul").replaceChildren(...rows);
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length ? this.nodes.filter((each) => words.every((word) => `${each.id} ${each.file}`.toLowerCase().includes(word))) : [];
    this.fill("found", words.length, `Found: ${found.length}`, found.slice(0, MOST_FOUND).map((each) => each.id));
    this.tell(this.byId.get(node));
  }

  row(each) {
    const row = make("li", `row is-level-${Math.min(each.level, 6)}`);
    if (each.chosen) row.setAttribute("aria-current", "true");
    const link = Object.assign(make("a", "what", each.title), { href: this.to(each) });
    link.dataset.keep = `row ${each.id}`;
    link.append(make("span", "visually-hidden", ` ${each.kind}`));
    row.append(make("span", "fold"), make("i", `tone is-${each.tone}`), link);
    if (each.count) row.append(make("span", "number", each.count));
    return row;
  }

  tell(node) {
    const panel = document.getElementById("map-node");
    panel.hidden = !node;
    if (!node) return;
    panel.querySelector("h2").textContent = node.address || node.id;
    const facts = { Kind: node.kind, Folder: node.module, "Written in": node.file && `${node.file}:${node.line}` };
    const shown = Object.entries(facts).filter(([, value]) => value);
    panel.querySelector("dl").replaceChildren(...shown.flatMap(([name, value]) => [make("dt", "", name), make("dd", "mono", value)]));
    panel.querySelector("a").href = this.link({ node: "" });
    this.fill("needs", true, "Needs", this.needs.get(node.id) ?? []);
    this.fill("needed-by", true, "Needed by", this.neededBy.get(node.id) ?? []);
  }

  fill(id, isThere, title, ids) {
    const place = document.getElementById(id);
    place.hidden = !isThere || (id !== "found" && !ids.length);
    place.querySelector("h2, summary").textContent = id === "found" ? title : `${title} ${ids.length}`;
    place.querySelector("ul").replaceChildren(...ids.map((each) => {
      const item = make("li");
      item.append(Object.assign(make("a", "mono", this.byId.get(each).address || each), { href: this.to({ id: each }) }), make("span", "quiet", this.byId.get(each).module));
      return item;
    }));
  }
}

const put = (map, key, value) => { if (!map.get(key)?.push(value)) map.set(key, [value]); };

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text; // text, never markup
  return element;
}

// --- a file's lines --------------------------------------------------------------------------------------------------
function mark(source) {
  const from = Number(location.hash.slice(2));
  const to = Number(source.dataset.to) || from;
  source.querySelectorAll("li").forEach((row, index) => row.classList.toggle("meant", from <= index + 1 && index + 1 <= to));
}

const source = document.querySelector(".source[data-to]");
if (source) { mark(source); addEventListener("hashchange", () => { source.dataset.to = ""; mark(source); }); }
if (stage && globalThis.cytoscape) {
  const data = read();
  if (data.views) new Alone(data);
  else new Atlas();
}
