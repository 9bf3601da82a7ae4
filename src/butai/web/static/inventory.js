// The map of a repository: draws what the server has placed. Every action is a link to another view, so that the page works
// without this, an address is a view for good, and the list and the drawing never differ.
"use strict";

import { Drawing, walkList } from "./map/drawing.js";

const stage = document.getElementById("map-stage");
const read = () => JSON.parse(document.getElementById("map-data").textContent);

// Another view without another page: what is read, typed and zoomed stays.
const PARTS = ["map-bar", "map-side", "map-data"];

class Atlas {
  constructor() {
    this.drawing = new Drawing();
    this.drawing.chosen = ({ id, query }) => this.go(`${location.pathname}?${query}`, id);
    this.drawing.show(read());
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("submit", (event) => this.submitted(event));
    document.addEventListener("keydown", walkList);
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

// --- a file's lines --------------------------------------------------------------------------------------------------
function mark(source) {
  const from = Number(location.hash.slice(2));
  const to = Number(source.dataset.to) || from;
  source.querySelectorAll("li").forEach((row, index) => row.classList.toggle("meant", from <= index + 1 && index + 1 <= to));
}

const source = document.querySelector(".source[data-to]");
if (source) { mark(source); addEventListener("hashchange", () => { source.dataset.to = ""; mark(source); }); }
if (globalThis.cytoscape) new Atlas();
