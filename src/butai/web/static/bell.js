// "Tell me when it ends": a message of the browser for somebody who looks elsewhere. Asked for by a click, never before.
"use strict";

const KEPT = "butai-tell"; // The run, in this tab only: it outlives a reload.

export class Bell {
  constructor(button) {
    this.button = button;
    this.off = button.textContent;
    // Browsers have no messages for pages from elsewhere without TLS: then nothing is offered.
    if (!globalThis.isSecureContext || !("Notification" in globalThis)) return;
    button.hidden = false;
    button.addEventListener("click", () => this.press());
    this.show(kept() === this.run && Notification.permission === "granted");
  }

  get run() { return this.button.dataset.tell; }
  get isOn() { return this.button.getAttribute("aria-pressed") === "true"; }

  async press() {
    const wanted = !this.isOn;
    if (wanted && (await Notification.requestPermission()) !== "granted") {
      this.button.textContent = this.button.dataset.refused;
      this.button.disabled = true;
      return;
    }
    keep(wanted ? this.run : "");
    this.show(wanted);
  }

  show(on) {
    this.button.setAttribute("aria-pressed", String(on));
    this.button.textContent = on ? this.button.dataset.on : this.off;
  }

  // The run has ended. `headline` speaks of it, unless the next run has begun already: then the history's line does.
  ring(headline, page) {
    const wanted = this.isOn && document.hidden;
    this.button.remove();
    keep("");
    if (!wanted) return;
    const row = page.querySelector("#history [aria-current]");
    const words = headline ? headline.dataset.tab : `${page.querySelector("h1").textContent} · ${textOf(row?.querySelector(".state"))}`;
    const body = [textOf(page.querySelector("[data-shown] h2")), headline && textOf(headline.querySelector(".says p"))];
    try {
      const message = new Notification(words, { body: body.filter(Boolean).join("\n"), tag: `${location.host} ${this.run}` });
      message.addEventListener("click", () => { globalThis.focus(); message.close(); });
    } catch { /* Phones want another way, which needs more than a page: the tab's title has to do there. */ }
  }
}

const textOf = (element) => element?.textContent.trim() ?? "";

function kept() {
  try { return sessionStorage.getItem(KEPT); } catch { return ""; }
}

function keep(run) {
  try { sessionStorage.setItem(KEPT, run); } catch { /* only until the page is left then */ }
}
