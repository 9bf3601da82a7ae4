// The graph of a repository as the page that stands alone carries it, and what is asked of it there: `inventory/model.py`,
// `groups.py` and `picture.py` in the language of browsers. A test holds both to the same answers.
"use strict";

const FOLDERS = new Set(["root", "module"]);
const NO_THINGS = new Set([...FOLDERS, "repository"]);

// Strings in the order in which Python has them: by code, in no language.
export const inOrder = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

export function put(map, key, value) {
  const found = map.get(key);
  if (found) found.push(value);
  else map.set(key, [value]);
}

export class Graph {
  constructor({ nodes, edges, groups, modules, reach }) {
    this.nodes = new Map(nodes.map(([id, kind, module, address, name, type, file, line, endLine]) => [id, { id, kind, module, address, name, type, file, line, endLine }]));
    this.ids = [...this.nodes.keys()];
    this.number = new Map(this.ids.map((id, number) => [id, number]));
    this.modules = new Map(modules.map(([folder, version, files]) => [folder, { version, files }]));
    this.things = [...this.nodes.values()].filter((each) => !NO_THINGS.has(each.kind));
    [this.uses, this.usedBy, this.inModule] = [new Map(), new Map(), new Map()];
    for (const [from, to, uses, attribute] of edges) {
      const edge = { source: this.ids[from], target: this.ids[to], uses, attribute };
      put(this.uses, edge.source, edge);
      put(this.usedBy, edge.target, edge);
    }
    for (const each of this.nodes.values()) if (!FOLDERS.has(each.kind)) put(this.inModule, each.module, each.id);
    this.readGroups(groups);
    this.readReach(reach);
  }

  readGroups(groups) {
    this.groups = new Map();
    this.above = new Map();
    for (const [id, kind, name, inside] of groups) {
      const group = { id, kind, name, inside: inside.map((each) => (typeof each === "number" ? this.ids[each] : each)) };
      this.groups.set(id, group);
      for (const each of group.inside) this.above.set(each, id);
    }
  }

  // The groups that something stands in, the nearest first.
  around(id) {
    const found = [];
    for (let at = this.above.get(id); at; at = this.above.get(at)) found.push(at);
    return found;
  }

  nodesIn(id) {
    const group = this.groups.get(id);
    return group ? group.inside.flatMap((each) => this.nodesIn(each)) : [id];
  }

  has(id) { return this.groups.has(id) || this.number.has(id) && !NO_THINGS.has(this.nodes.get(id).kind); }

  // Numbers beyond those of nodes are steps over a module's border: see `inventory/reach.py`.
  readReach({ level, into, out, ends, waits }) {
    const ways = (found) => new Map(found.map(([from, ...to]) => [from, to]));
    this.halves = [[ways(level), ways(into)], [ways(level), ways(out)]];
    this.ends = new Set(ends);
    this.waits = new Map(waits);
  }

  // Everything that needs a node or a folder, directly or not: what a change of it may reach.
  impact(start) {
    const here = this.number.get(start);
    const starts = new Set([here, ...(this.modules.has(start) ? this.inModule.get(start) ?? [] : []).map((each) => this.number.get(each))]);
    const ends = new Set([...this.ends].filter((each) => !starts.has(each)));
    const out = spread(starts, this.halves[0], ends);
    if (this.waits.has(here)) out.add(this.waits.get(here));
    const found = spread(out, this.halves[1], ends);
    return [...found].filter((each) => each < this.ids.length && each !== here).map((each) => this.ids[each]);
  }

  search(words) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    if (!wanted.length) return [];
    this.written ??= this.things.map((each) => [each, `${each.id} ${each.type} ${each.file}`.toLowerCase()]);
    return this.written.filter(([, text]) => wanted.every((word) => text.includes(word))).map(([each]) => each);
  }

  // Other nodes with why, each once for one reason.
  links(edges = [], end) {
    const found = new Map(edges.map((edge) => [`${edge.uses} ${edge[end]}`, { node: this.nodes.get(edge[end]), attribute: edge.attribute }]));
    return [...found.values()];
  }
}

function spread(starts, ways, ends) {
  const seen = new Set(starts);
  for (const at of seen) {
    if (ends.has(at)) continue;
    for (const way of ways) for (const each of way.get(at) ?? []) seen.add(each);
  }
  return seen;
}
