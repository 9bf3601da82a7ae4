// The page of one environment: notices what somebody else starts, shows ends, and says in the tab how it stands.
// Nothing that is read or typed is touched for it: a reload would.
"use strict";

import { Log } from "./log.js";
import { RETRY_MS, each, say } from "./page.js";
import { Bell } from "./bell.js";

export class EnvironmentPage {
  constructor(setUp) {
    this.setUp = setUp;
    this.known = markOf(this.headline);
    this.count = "";
    this.follow();
    document.addEventListener("htmx:before:swap", () => { this.settle = hold(); });
    document.addEventListener("htmx:after:swap", () => { this.settle?.(); this.looked(); });
    this.entitle();
  }

  get headline() { return document.getElementById("headline"); }
  get section() { return document.querySelector("[data-shown]"); }
  get shown() { return this.section.dataset.shown; }

  // The log of the run that is shown, while it goes on.
  follow() {
    each("[data-tell]", (button) => { this.bell = new Bell(button); }, this.section);
    const log = this.section.querySelector(".log[data-stream]");
    this.log = log && new Log(log, this);
  }

  ran(run) {
    const words = { done: run.done, planned: run.planned, waiting: run.waiting_for };
    for (const [name, value] of Object.entries(words)) each(`[data-run="${name}"]`, (e) => { e.replaceChildren(); say(e, String(value)); });
    each('[data-run="bar"]', (bar) => { bar.max = run.planned || 1; bar.value = run.done; bar.classList.toggle("bad", run.failed > 0); });
    each('[data-run="failed"]', (e) => {
      e.querySelector(".state").lastChild.data = e.dataset.words.replace("{n}", run.failed);
      e.hidden = !run.failed;
    });
    this.count = run.planned ? `${run.done}/${run.planned}` : "";
    this.entitle();
  }

  entitle() {
    const { tab, count, newest } = this.headline.dataset;
    const figures = count && (newest === this.shown ? this.count || count : count);
    document.title = [tab, figures, "· Butai"].filter(Boolean).join(" ");
  }

  // The headline asks again by itself. While the log is live, its end brings the rest; otherwise it is brought now.
  looked() {
    this.entitle();
    const mark = markOf(this.headline);
    const begun = mark.newest !== this.known.newest;
    if (begun || (mark.now !== this.known.now && !this.log?.live)) this.freshen();
    this.known = mark;
  }

  async ended() {
    const fresh = await this.freshen(true);
    const isNewest = this.headline.dataset.newest === this.shown;
    this.bell?.ring(isNewest ? this.headline : null, fresh);
    if (!isNewest) this.freshen();
  }

  // What has changed in the page. A run that somebody follows or reads stays, and the way to the newest one is offered.
  async freshen(stays = this.section.matches("[data-asked]") || this.log?.live || isRead(this.section, this.log)) {
    const { here } = this.headline.dataset;
    const answer = await fetch(stays ? `${here}?run=${this.shown}` : here).catch(() => null);
    if (!answer?.ok) return new Promise((done) => { setTimeout(() => done(this.freshen(stays)), RETRY_MS); });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const settle = hold();
    each("[data-live]", (old) => this.renew(old, fresh.getElementById(old.id)));
    this.known = markOf(this.headline);
    this.renewRun(fresh.querySelector("[data-shown]"));
    settle();
    this.entitle();
    return fresh;
  }

  renew(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    // Half a click on what is taken away would be lost.
    if (touched(old) || focused?.matches("input, select") || old.matches(":active")) return;
    if (!fresh) { old.remove(); return; }
    const taken = document.adoptNode(fresh);
    old.replaceWith(taken);
    this.setUp(taken);
    globalThis.htmx?.process(taken);
    if (focused?.href) taken.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`)?.focus();
  }

  renewRun(fresh) {
    const old = this.section;
    if (fresh.dataset.shown === this.shown) { restate(old, fresh); return; }
    if (this.log?.live || isRead(old, this.log)) return;
    const height = old.offsetHeight;
    old.replaceWith(document.adoptNode(fresh));
    this.count = "";
    this.setUp(this.section);
    this.follow();
    // A short log in the place of a long one would pull what is below it from under the mouse.
    const log = this.section.querySelector(".log");
    log.style.minBlockSize = `${log.offsetHeight + height - this.section.offsetHeight}px`;
  }
}

const markOf = (headline) => ({ newest: headline.dataset.newest, now: headline.dataset.now });

// What somebody types in or looks at stays where it is on the screen, though the page above it grows.
function hold() {
  const top = (element) => element.getBoundingClientRect().top;
  const candidates = [document.activeElement, ...document.querySelectorAll("[data-live]:not(#headline, #newer)")];
  const held = candidates.find((each) => each.closest("[data-live]") && top(each) >= 0 && top(each) < innerHeight);
  const before = held && top(held);
  return () => {
    const now = held?.isConnected ? held : held?.id && document.getElementById(held.id);
    if (now && scrollY > 0) scrollBy({ top: top(now) - before, behavior: "instant" });
  };
}

// How the steps of the same run ended.
function restate(section, fresh) {
  each(".log details", (now) => {
    const old = section.querySelector(`details[data-step="${now.dataset.step}"]`);
    if (!old) return;
    old.dataset.kind = now.dataset.kind;
    old.querySelector(".state").replaceWith(document.adoptNode(now.querySelector(".state")));
  }, fresh);
}

// Whether somebody reads in the run's log: scrolled in it, marked text in it, or went into it.
function isRead(section, log) {
  const marked = getSelection();
  if (section.contains(document.activeElement) || (!marked.isCollapsed && section.contains(marked.anchorNode))) return true;
  return log ? !log.following : section.querySelector(".log").scrollTop > 0;
}

// Whether somebody has typed or chosen something there that was not sent yet.
function touched(region) {
  const first = (select) => ([...select.options].find((option) => option.defaultSelected) ?? select.options[0])?.value;
  return [...region.querySelectorAll("input:not([type=hidden]):not(.picker), select")].some((field) => {
    if (field.matches("select")) return field.value !== first(field);
    return field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  });
}
