// The drawing of a map whose things have their places: the portal's, and that of the page that stands alone.
"use strict";

const READABLE = 0.6; // Smaller, nobody can read it.
const AROUND = 20;
const LETTERS = 12.5;
const BOX_LETTERS = 14;
const BESIDE = 22;
// The library would write this style sheet into the page, which the portal's policy forbids; the portal's own has the rule.
const MARK = "__________cytoscape_stylesheet";

const stage = document.getElementById("map-stage");

export class Drawing {
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

  // `anchor`: what was clicked on stays under the mouse. `isStill`: nothing has moved.
  show({ nodes, lines }, anchor = "", isStill = false) {
    const before = this.graph.getElementById(anchor);
    const held = before.length ? before.renderedPosition() : null;
    const measure = measureOf(this.place);
    this.graph.startBatch();
    this.graph.elements().remove();
    this.graph.add(nodes.map((each) => ({ group: "nodes", data: { ...each, label: label(each, measure) }, position: middle(each), classes: classes(each) })));
    this.graph.add(lines.map(([source, target, weight, isGiven]) => ({ group: "edges", classes: isGiven ? "given" : "", data: { source, target, weight: Math.min(1 + Math.log2(weight), 5), ...bend(this.graph, source, target) } })));
    this.graph.endBatch();
    this.paint();
    if (isStill) return;
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
        "text-valign": "top", "text-margin-y": 22, "font-weight": 600, "font-size": BOX_LETTERS, "z-index": 0, "min-zoomed-font-size": 2,
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
function label({ id, label, count, width, box }, measure) {
  const row = document.querySelector(`[data-keep="${CSS.escape(`row ${id}`)}"]`);
  const words = count && row ? `${row.firstChild.data.trim()}  ${count}` : label;
  return words.split("\n").map((line) => {
    let shown = line;
    while (measure(shown, count, box ? BOX_LETTERS : LETTERS) > width - BESIDE && shown.length > 4) shown = `…${shown.slice(shown.startsWith("…") ? 2 : 1)}`;
    return shown;
  }).join("\n");
}

function measureOf(place) {
  const drawn = new OffscreenCanvas(1, 1).getContext("2d");
  const { fontFamily } = getComputedStyle(place);
  return (words, bold, letters) => {
    drawn.font = `${bold ? 600 : 400} ${letters}px ${fontFamily}`;
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

// Up and down in the list, to the right opens and to the left closes, as in other trees.
export function walkList(event) {
  const row = event.target.closest(".row");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const beside = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
  const fold = row.querySelector(`a.fold[aria-expanded="${event.key === "ArrowLeft"}"]`);
  if (beside) { beside.querySelector(".what").focus(); event.preventDefault(); }
  else if (fold && ["ArrowLeft", "ArrowRight"].includes(event.key)) { fold.click(); event.preventDefault(); }
}
