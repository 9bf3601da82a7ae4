// What of a repository is visible in a view: `inventory/shown.py` and `picture.py` in the language of browsers.
"use strict";

import { inOrder } from "./graph.js";
import { arrange } from "./layers.js";

const UNBOXED = new Set(["kind", "type"]);

// `cards` in the order of a list, `lines` between them, groups that are `held` closed for want of room, and how many nodes in all.
export function show(graph, view, rules) {
  const distance = reached(graph, view);
  const scope = inScope(graph, view, distance);
  const opening = new Opening(graph, view, scope, rules);
  opening.openWhatWasAskedFor(view.open);
  opening.openWhatIsOpenAtFirst();
  const cards = cardsOf(graph, opening);
  return { cards, lines: linesOf(graph, opening, scope), held: opening.held, total: scope.length };
}

export function draw(graph, view, rules) {
  const shown = show(graph, view, rules);
  const items = new Map([["", { inside: [] }]]);
  for (const card of shown.cards.filter((each) => each.drawn)) {
    items.set(card.id, { id: card.id, inside: [] });
    items.get(card.above).inside.push(items.get(card.id));
  }
  return { ...shown, places: arrange(items.get("").inside, shown.lines.filter((each) => !each.isGiven).map((each) => [each.source, each.target]), rules.sizes) };
}

function reached(graph, view) {
  if (view.impact) {
    const starts = graph.nodesIn(view.impact);
    const found = new Map((graph.modules.has(view.impact) ? [view.impact] : starts).flatMap((each) => graph.impact(each)).map((each) => [each, 1]));
    for (const each of starts) found.set(each, 0);
    return found;
  }
  return view.focus ? walk(graph, view) : new Map();
}

function walk(graph, view) {
  const distance = new Map(graph.nodesIn(view.focus).map((each) => [each, 0]));
  const counts = (edge) => edge.uses !== "provider" || !view.hide.has("provider");
  for (const [at, steps] of distance) {
    if (steps === view.steps) continue;
    const beside = [...(graph.uses.get(at) ?? []).filter(counts).map((edge) => edge.target), ...(graph.usedBy.get(at) ?? []).filter(counts).map((edge) => edge.source)];
    for (const each of beside) if (!distance.has(each)) distance.set(each, steps + 1);
  }
  return distance;
}

function inScope(graph, view, distance) {
  const about = distance.size ? graph.things.filter((each) => distance.has(each.id)) : graph.things;
  return about.filter((each) => !view.hide.has(each.kind) || distance.get(each.id) === 0).map((each) => each.id);
}

class Opening {
  constructor(graph, view, scope, rules) {
    Object.assign(this, { graph, rules, shut: new Set(view.shut), isFocused: Boolean(view.focus || view.impact), open: new Set([""]), held: [], count: new Map() });
    for (const node of scope) for (const each of [node, ...graph.around(node)]) this.count.set(each, (this.count.get(each) ?? 0) + 1);
    this.calm = new Set(rules.calm);
    this.fits = this.isFocused || this.all() <= rules.first;
    this.visible = this.inside("").length;
  }

  inside(group) { return this.graph.groups.get(group).inside.filter((each) => this.count.has(each)); }

  openWhatWasAskedFor(asked) {
    for (const each of asked) {
      for (const group of [...this.graph.around(each).reverse(), each]) {
        if (this.count.has(group) && this.graph.groups.has(group) && !this.try(group)) { this.hold(group); break; }
      }
    }
  }

  openWhatIsOpenAtFirst() {
    const atFirst = this.foldersAtFirst();
    const waiting = this.inside("");
    for (const id of waiting) {
      const group = this.graph.groups.get(id);
      if (!group) continue;
      if ((atFirst.has(id) || UNBOXED.has(group.kind) && this.saysMuch(group)) && !this.try(id)) this.hold(id);
      if (this.open.has(id)) waiting.push(...this.inside(id));
    }
  }

  foldersAtFirst() {
    const room = this.isFocused ? this.rules.most : this.rules.first;
    const found = new Set();
    const waiting = this.inside("");
    let visible = waiting.length;
    for (const id of waiting) {
      const group = this.graph.groups.get(id);
      if (!group || UNBOXED.has(group.kind) || !(this.fits || group.kind === "area")) continue;
      const inside = this.inside(id);
      if (visible + inside.length > room) continue;
      found.add(id);
      visible += inside.length;
      waiting.push(...inside);
    }
    return found;
  }

  saysMuch(group) {
    if (group.kind === "type") return this.fits;
    return this.isFocused || !this.calm.has(group.name) || this.count.get(group.id) === 1;
  }

  all() {
    let found = 0;
    for (const [id, count] of this.count) {
      const group = this.graph.groups.get(id);
      if (group && group.kind !== "type") found += group.kind === "kind" && !this.calm.has(group.name) ? count : 1;
    }
    return found;
  }

  try(id) {
    if (this.open.has(id)) return true;
    const more = this.inside(id).length - (UNBOXED.has(this.graph.groups.get(id).kind) ? 1 : 0);
    if (this.shut.has(id) || !this.open.has(this.graph.above.get(id)) || this.visible + more > this.rules.most) return false;
    this.open.add(id);
    this.visible += more;
    return true;
  }

  hold(id) { if (!this.shut.has(id) && !this.held.includes(id)) this.held.push(id); }
}

function cardsOf(graph, opening) {
  const cards = [];
  const add = (id, level, above) => {
    const group = graph.groups.get(id);
    const isOpen = opening.open.has(id);
    const isUnboxed = group !== undefined && UNBOXED.has(group.kind);
    cards.push({ id, level, above, group: group?.kind, isOpen, count: opening.count.get(id), drawn: !(isUnboxed && isOpen) });
    if (group && isOpen) for (const each of opening.inside(id)) add(each, level + 1, isUnboxed ? above : id);
  };
  for (const each of opening.inside("")) add(each, 0, "");
  return cards;
}

function linesOf(graph, opening, scope) {
  const standsFor = new Map();
  const find = (id) => {
    if (!standsFor.has(id)) standsFor.set(id, opening.count.has(id) ? graph.around(id).findLast((group) => !opening.open.has(group)) ?? id : "");
    return standsFor.get(id);
  };
  const found = new Map();
  for (const edge of scope.flatMap((each) => graph.uses.get(each) ?? [])) {
    const [source, target] = [find(edge.source), find(edge.target)];
    if (!source || !target || source === target) continue;
    const key = JSON.stringify([source, target]);
    const line = found.get(key) ?? { source, target, weight: 0, given: 0 };
    line.weight += 1;
    line.given += edge.uses === "input" ? 1 : 0;
    found.set(key, line);
  }
  const holds = (one, other) => graph.around(one).includes(other) || graph.around(other).includes(one);
  return [...found.values()].map((each) => ({ ...each, isGiven: each.given === each.weight }))
    .filter(({ source, target, isGiven }) => !holds(source, target) && !(isGiven && (graph.groups.has(source) || graph.groups.has(target))))
    .sort((one, other) => inOrder(one.source, other.source) || inOrder(one.target, other.target));
}

// --- in words and colours --------------------------------------------------------------------------------------------
// `figures`: of the view's colour, by the numbers of nodes.
export function rowsOf(graph, picture, view, figures, rules) {
  const hits = new Map();
  for (const { id } of graph.search(view.search).slice(0, rules.most_found)) for (const each of [id, ...graph.around(id)]) hits.set(each, (hits.get(each) ?? 0) + 1);
  return picture.cards.map((card) => ({ card, ...titled(graph, card), tone: toneOf(graph, card, view, figures, rules), found: hits.get(card.id) ?? 0 }));
}

function titled(graph, card) {
  if (!card.group) {
    const node = graph.nodes.get(card.id);
    return { title: node.address || node.id, kind: node.kind };
  }
  const { name } = graph.groups.get(card.id);
  const within = card.above ? graph.groups.get(card.above).name : "";
  const above = within.endsWith("/") ? within : `${within}/`;
  return { title: (name.startsWith(above) ? name.slice(above.length) : name) || ".", kind: card.group };
}

function toneOf(graph, card, view, figures, rules) {
  if (view.colour !== "kind") {
    const known = graph.nodesIn(card.id).map((each) => figures?.[graph.number.get(each)]).filter((each) => each != null);
    return known.length ? `step-${rules.ends[view.colour].filter((each) => Math.max(...known) >= each).length}` : "unknown";
  }
  if (card.group === "kind") return graph.groups.get(card.id).name;
  if (card.group === "type") return graph.groups.get(graph.above.get(card.id)).name;
  return card.group ?? graph.nodes.get(card.id).kind;
}

// What the drawing takes: the same as `picture.document`.
export function pictureOf(graph, picture, rows, view) {
  const nodes = rows.filter((row) => row.card.drawn).map(({ card, title, kind, tone, found }) => ({
    id: card.id, title, label: labelOf(card.group ? null : graph.nodes.get(card.id), title), kind, tone, group: Boolean(card.group && !card.isOpen), box: card.isOpen, level: card.level,
    count: card.group ? card.count : 0, found, chosen: card.id === view.node, centre: card.id === view.focus || card.id === view.impact, ...picture.places.get(card.id),
  }));
  return { nodes, lines: picture.lines.map((each) => [each.source, each.target, each.weight, each.isGiven]) };
}

function labelOf(node, title) {
  if (!node?.type || node.kind === "provider") return title;
  return `${node.kind === "data" ? "data." : ""}${node.type}\n${node.name}`;
}
