import { ask, element, emit, on } from "/shared.js";

const SHOWN = 10;
const body = document.querySelector("#calls tbody");

function row(call) {
  const began = new Date(call.started * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const badge = element("span", call.ended ? "badge" : "badge open", call.ended ? call.end : "in call");
  const length = call.ended ? `${Math.round(call.ended - call.started)} s` : "";
  const from = call.source === "carrier" ? call.caller : `${call.caller} (simulator)`;
  return element(
    "tr",
    "",
    ...[call.id, began, from, call.titles.join(" › ") || "–"].map((text) => element("td", "", text)),
    element("td", "", badge),
    element("td", "number", length),
  );
}

on("changed", async () => {
  const answer = await ask("calls");
  if (answer?.calls.length) body.replaceChildren(...answer.calls.slice(0, SHOWN).map(row));
});

// The browser comes back by itself when the line breaks, but not after an answer such as 502.
function listen() {
  const stream = new EventSource("/api/events");
  stream.onmessage = () => emit("changed");
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

listen();
