// Where everything stands: `inventory/layers.py` in the language of browsers, step by step. What each step is for is said there.
"use strict";

import { inOrder, put } from "./graph.js";

const SWEEPS = 4;
const byPair = ([one, another], [other, last]) => inOrder(one, other) || inOrder(another, last);
const turned = (edges) => edges.map(([source, target]) => [target, source]);
const sum = (all) => all.reduce((found, each) => found + each, 0);

// `items`: each with an id and what is `inside`; `edges`: pairs of ids. By id: x, y, width and height.
export function arrange(items, edges, sizes) {
  return new Layers(sizes).arrange(items, edges);
}

class Layers {
  constructor({ width, height, between_layers, between, margin, title, aspect }) {
    Object.assign(this, { width, height, apart: between_layers, between, margin, title, aspect, above: new Map(), levels: new Map(), sizes: new Map() });
  }

  arrange(items, edges) {
    const waiting = [["", items]];
    while (waiting.length) {
      const [box, inside] = waiting.pop();
      this.levels.set(box, { ids: inside.map((each) => each.id), edges: new Map() });
      for (const each of inside) {
        this.above.set(each.id, box);
        if (each.inside.length) waiting.push([each.id, each.inside]);
      }
    }
    for (const [source, target] of edges) this.lift(source, target);
    const insideOf = new Map();
    for (const box of [...this.levels.keys()].reverse()) {
      insideOf.set(box, this.place(this.levels.get(box)));
      this.sizes.set(box, this.around(insideOf.get(box)));
    }
    return this.moved(insideOf);
  }

  lift(source, target) {
    const way = new Map();
    for (let at = source; at; at = this.above.get(at)) way.set(this.above.get(at), at);
    for (let at = target; at; at = this.above.get(at)) {
      const box = this.above.get(at);
      if (!way.has(box)) continue;
      const beside = way.get(box);
      if (beside !== at) this.levels.get(box).edges.set(JSON.stringify([beside, at]), [beside, at]);
      return;
    }
  }

  place(level) {
    const size = (id) => this.sizes.get(id) ?? [this.width, this.height];
    const edges = [...level.edges.values()].sort(byPair);
    const joined = new Set(edges.flat());
    const ids = level.ids.filter((each) => joined.has(each));
    const forward = withoutCircles(ids, edges).sort(byPair);
    const places = this.inColumns(this.columns(ordered(layersOf(ids, forward), forward), size), forward, size);
    const [width, height] = extent(places);
    this.inRows(level.ids.filter((each) => !joined.has(each)), size, width, places.size ? height + this.between * 2 : 0, places);
    return places;
  }

  columns(layers, size) {
    const area = sum(layers.flat().map((each) => (size(each)[0] + this.apart) * (size(each)[1] + this.between)));
    const highest = layers.flat().reduce((found, each) => Math.max(found, size(each)[1]), Math.sqrt(area / this.aspect));
    return layers.flatMap((layer) => {
      const whole = sum(layer.map((each) => size(each)[1] + this.between));
      const most = Math.ceil(layer.length / Math.max(1, Math.ceil(whole / (highest * 1.25))));
      return Array.from({ length: Math.ceil(layer.length / most) }, (_, index) => layer.slice(index * most, (index + 1) * most));
    });
  }

  inColumns(columns, edges, size) {
    const beside = grouped([...edges, ...turned(edges)]);
    const top = new Map();
    for (const column of columns) {
      const whole = sum(column.map((each) => size(each)[1] + this.between)) - this.between;
      this.stack(column, column.map(() => -whole / 2), size, top);
    }
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      for (const column of sweep % 2 ? [...columns].reverse() : columns) {
        this.stack(column, column.map((each) => wished(each, beside.get(each) ?? [], size, top)), size, top);
      }
    }
    const highest = Math.min(...top.values());
    const places = new Map();
    let x = 0;
    for (const column of columns) {
      const widest = Math.max(...column.map((each) => size(each)[0]));
      for (const each of column) {
        const [width, height] = size(each);
        places.set(each, { x: x + (widest - width) / 2, y: top.get(each) - highest, width, height });
      }
      x += widest + this.apart;
    }
    return places;
  }

  stack(column, wishes, size, top) {
    const below = [0];
    for (const each of column) below.push(below.at(-1) + size(each)[1] + this.between);
    const together = [];
    column.forEach((each, index) => {
      let now = { total: wishes[index] - below[index], pushed: [index] };
      while (together.length && together.at(-1).total / together.at(-1).pushed.length > now.total / now.pushed.length) {
        const before = together.pop();
        now = { total: before.total + now.total, pushed: [...before.pushed, ...now.pushed] };
      }
      together.push(now);
    });
    for (const { total, pushed } of together) for (const index of pushed) top.set(column[index], total / pushed.length + below[index]);
  }

  inRows(ids, size, width, y, places) {
    const area = sum(ids.map((each) => (size(each)[0] + this.between) * (size(each)[1] + this.between)));
    const widest = Math.max(width, Math.sqrt(area * this.aspect), ...ids.map((each) => size(each)[0]));
    let [x, row] = [0, 0];
    for (const each of [...ids].sort((one, other) => size(other)[1] - size(one)[1])) {
      const [wide, high] = size(each);
      if (x && x + wide > widest) [x, y, row] = [0, y + row + this.between, 0];
      places.set(each, { x, y, width: wide, height: high });
      [x, row] = [x + wide + this.between, Math.max(row, high)];
    }
  }

  around(places) {
    const [width, height] = extent(places);
    return [Math.max(this.width, width) + 2 * this.margin, height + this.title + this.margin];
  }

  moved(insideOf) {
    const found = new Map();
    const round = (value) => Math.round(value * 10) / 10;
    const waiting = [["", 0, 0]];
    while (waiting.length) {
      const [box, x, y] = waiting.pop();
      for (const [each, place] of insideOf.get(box)) {
        found.set(each, { ...place, x: round(x + place.x), y: round(y + place.y) });
        if (insideOf.has(each)) waiting.push([each, x + place.x + this.margin, y + place.y + this.title]);
      }
    }
    return found;
  }
}

function withoutCircles(ids, edges) {
  const after = grouped(edges);
  const kept = [];
  const done = new Set();
  for (const start of ids) {
    if (done.has(start)) continue;
    const way = [[start, 0]];
    const walked = new Set([start]);
    while (way.length) {
      const step = way.at(-1);
      const [at, index] = step;
      const each = after.get(at)?.[index];
      step[1] += 1;
      if (each === undefined) {
        way.pop();
        walked.delete(at);
        done.add(at);
      } else if (!walked.has(each)) {
        kept.push([at, each]);
        if (!done.has(each)) {
          way.push([each, 0]);
          walked.add(each);
        }
      }
    }
  }
  return kept;
}

function layersOf(ids, edges) {
  const [after, before] = [grouped(edges), grouped(turned(edges))];
  const open = new Map(ids.map((each) => [each, before.get(each)?.length ?? 0]));
  const layer = new Map(ids.map((each) => [each, 0]));
  const ready = ids.filter((each) => !open.get(each));
  for (const at of ready) {
    for (const each of after.get(at) ?? []) {
      layer.set(each, Math.max(layer.get(each), layer.get(at) + 1));
      open.set(each, open.get(each) - 1);
      if (!open.get(each)) ready.push(each);
    }
  }
  for (const each of ids) {
    if (!before.has(each) && after.has(each)) layer.set(each, Math.min(...after.get(each).map((other) => layer.get(other))) - 1);
  }
  const found = [];
  for (const each of ids) (found[layer.get(each)] ??= []).push(each);
  return found.filter(Boolean);
}

function ordered(layers, edges) {
  const [before, after] = [grouped(turned(edges)), grouped(edges)];
  const rank = new Map();
  const number = (layer) => layer.forEach((each, index) => rank.set(each, (index + 0.5) / layer.length));
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const beside = sweep % 2 ? after : before;
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      const middle = new Map(layer.map((each) => {
        const others = beside.get(each);
        return [each, others ? sum(others.map((other) => rank.get(other))) / others.length : rank.get(each)];
      }));
      layer.sort((one, other) => middle.get(one) - middle.get(other) || rank.get(one) - rank.get(other));
      number(layer);
    }
  }
  return layers;
}

function wished(item, beside, size, top) {
  const middles = beside.map((each) => top.get(each) + size(each)[1] / 2).sort((one, other) => one - other);
  if (!middles.length) return top.get(item);
  const half = Math.floor(middles.length / 2);
  const median = middles.length % 2 ? middles[half] : (middles[half - 1] + middles[half]) / 2;
  return median - size(item)[1] / 2;
}

function extent(places) {
  let [right, bottom] = [0, 0];
  for (const each of places.values()) [right, bottom] = [Math.max(right, each.x + each.width), Math.max(bottom, each.y + each.height)];
  return [right, bottom];
}

function grouped(edges) {
  const found = new Map();
  for (const [source, target] of edges) put(found, source, target);
  return found;
}
