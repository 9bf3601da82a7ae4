// The live log of a run: follows at the bottom, says when the connection is lost. `tell` hears of the run and of its end.
"use strict";

import { RETRY_MS, each, make, say } from "./page.js";

const AT_BOTTOM_PX = 2;

export class Log {
  constructor(element, tell) {
    this.element = element;
    this.tell = tell;
    this.live = true;
    this.after = Number(element.dataset.after || 0);
    this.unseen = 0;
    this.following = true;
    this.top = 0;
    this.follow = element.querySelector(".follow");
    this.lost = element.querySelector(".lost");
    this.clock = clockOf(element.dataset.zone);
    this.follow.querySelector("button").addEventListener("click", () => this.catchUp());
    element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.toBottom();
    this.connect();
  }

  connect() {
    const source = new EventSource(`${this.element.dataset.stream}?after=${this.after}`);
    source.addEventListener("open", () => { this.lost.hidden = true; });
    source.addEventListener("line", (event) => this.add(JSON.parse(event.data)));
    source.addEventListener("run", (event) => this.tell.ran(JSON.parse(event.data)));
    source.addEventListener("end", () => { source.close(); this.live = false; this.tell.ended(); });
    source.addEventListener("error", () => {
      this.lost.textContent = this.element.dataset.lost;
      this.lost.hidden = false;
      // The browser tries again by itself, unless it was told to stop: then we do, from the last line.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  add(line) {
    if (line.seq <= this.after) return;
    this.after = line.seq;
    const details = this.step(line.step);
    const list = details.querySelector("ol");
    list.append(this.line(line));
    details.querySelector(".t").textContent = list.childElementCount;
    if (isWrong(line)) this.mark(details, "down");
    if (this.following) this.toBottom();
    else this.offer(this.unseen + 1);
  }

  // The step's fold. One that begins closes what went well before it.
  step(name) {
    const found = this.element.querySelector(`details[data-step="${CSS.escape(name)}"]`);
    if (found) return found;
    each("details", (other) => {
      if (other.dataset.kind === "busy") this.mark(other, "up");
      if (other.dataset.kind === "up") other.open = false;
    }, this.element);
    const details = make("details");
    details.dataset.step = name;
    details.open = true;
    const summary = make("summary");
    summary.append(make("span", "state"), make("span", "", this.element.getAttribute(`data-title-${name}`) ?? name), make("span", "t"));
    details.append(summary, make("ol"));
    this.mark(details, "busy");
    this.lost.before(details);
    return details;
  }

  mark(details, kind) {
    details.dataset.kind = kind;
    const shape = this.element.querySelector("template").content.querySelector(`.${kind}`);
    details.querySelector(".state").replaceWith(shape.cloneNode(true));
  }

  // The same as the macro `log_line`: a test compares them.
  line(line) {
    const { file, line: number, detail } = line.detail;
    const item = make("li", `is-${line.kind}${isWrong(line) ? " is-wrong" : ""}`);
    item.id = `L${line.seq}`;
    const time = make("time", "", this.clock(new Date(line.at)));
    time.dateTime = line.at;
    const link = make("a");
    link.href = `#${item.id}`;
    link.append(time);
    const text = say(make("span"), line.message);
    if (file) text.append(" ", make("b", "place", number ? `${file}:${number}` : file));
    if (detail) text.append(say(make("span", "detail"), detail));
    item.append(link, text);
    return item;
  }

  // Any move up stops the following; at the bottom it goes on. Appending never lowers `scrollTop`.
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    if (scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX) this.caughtUp();
    else if (scrollTop < this.top) this.following = false;
    this.top = scrollTop;
  }

  offer(unseen) {
    this.unseen = unseen;
    this.follow.hidden = false;
    const { newLine, newLines } = this.element.dataset;
    this.follow.querySelector("button").textContent = unseen === 1 ? newLine : newLines.replace("{n}", unseen);
  }

  caughtUp() {
    this.following = true;
    this.unseen = 0;
    this.follow.hidden = true;
  }

  catchUp() {
    this.caughtUp();
    this.toBottom();
  }

  toBottom() {
    this.element.scrollTop = this.element.scrollHeight;
    this.top = this.element.scrollTop;
  }
}

const isWrong = (line) => line.kind === "failed" || line.detail.severity === "error";

function clockOf(timeZone) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return (at) => format.format(at);
}
