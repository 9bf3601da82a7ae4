// What is shown, as it stands behind the `#` of the address: `inventory/view.py` in the language of browsers.
"use strict";

export class View {
  constructor(asked, rules) {
    const one = (name) => asked.getAll(name).filter(Boolean).at(-1) ?? "";
    const all = (name) => [...new Set(asked.getAll(name).filter(Boolean))];
    const steps = /^\d+$/.test(one("steps")) ? Number(one("steps")) : rules.steps;
    const hide = all("hide");
    Object.assign(this, {
      rules, open: all("open"), shut: all("shut"), focus: one("focus"), impact: one("focus") ? "" : one("impact"), search: one("search").trim(), node: one("node"),
      steps: Math.min(Math.max(steps, 1), rules.most_steps),
      hide: new Set(hide.length ? hide.filter((each) => rules.kinds.includes(each)) : rules.hidden),
      colour: rules.colours.includes(one("colour")) ? one("colour") : "kind",
    });
  }

  get hidesAsUsual() { return this.hide.size === this.rules.hidden.length && this.rules.hidden.every((each) => this.hide.has(each)); }

  // What a picture depends on; the rest is colour and words.
  get drawing() { return JSON.stringify([this.open, this.shut, this.focus, this.steps, this.impact, [...this.hide].sort()]); }

  get link() {
    const hide = this.hidesAsUsual ? [] : this.hide.size ? [...this.hide].sort() : ["nothing"];
    const steps = this.steps === this.rules.steps ? "" : String(this.steps);
    const one = { focus: this.focus, impact: this.impact, search: this.search, node: this.node, steps, colour: this.colour === "kind" ? "" : this.colour };
    const pairs = [...this.open.map((each) => ["open", each]), ...this.shut.map((each) => ["shut", each]), ...hide.map((each) => ["hide", each])];
    return `#${new URLSearchParams([...pairs, ...Object.entries(one).filter(([, value]) => value)])}`;
  }

  with(change) { return Object.assign(Object.create(View.prototype), this, change); }
  opened(group) { return this.with({ open: [...without(this.open, group), group], shut: without(this.shut, group) }); }
  closed(group) { return this.with({ shut: [...without(this.shut, group), group], open: without(this.open, group) }); }
  toggled(kind) { return this.with({ hide: this.hide.has(kind) ? new Set(without([...this.hide], kind)) : new Set([...this.hide, kind]) }); }
  selected(node) { return this.with({ node }); }
  focused(node, steps = this.rules.steps) { return this.with({ focus: node, steps, impact: "", node, open: [], shut: [] }); }
  reached(node) { return this.with({ impact: node, focus: "", steps: this.rules.steps, node, open: [], shut: [] }); }
  whole() { return this.with({ focus: "", impact: "", steps: this.rules.steps, open: [], shut: [] }); }
}

const without = (all, one) => all.filter((each) => each !== one);
