import { ask, element, on } from "/shared.js";

// A group that the worker counts and that has no title here is shown under its own name.
const TITLES = { choice: "First choice", end: "How calls end", hour: "Hour of the day", week: "Week" };
const BY_TIME = ["hour", "week"];

function bar([name, count], most) {
  const fill = element("div", "fill");
  fill.style.width = `${(100 * count) / most}%`;
  return element("div", "bar", name, element("span", "count", String(count)), element("div", "track", fill));
}

function group([name, counts]) {
  const order = BY_TIME.includes(name) ? (a, b) => a[0].localeCompare(b[0]) : (a, b) => b[1] - a[1];
  const bars = Object.entries(counts).sort(order);
  const most = Math.max(...bars.map(([, count]) => count));
  return element("div", "", element("h3", "", TITLES[name] ?? name), ...bars.map((one) => bar(one, most)));
}

on("changed", async () => {
  const answer = await ask("stats");
  if (!answer?.total) return;
  const { total, ...groups } = answer;
  const average = Math.round(total.seconds / total.calls);
  document.getElementById("statistics-total").textContent = `${total.calls} ${total.calls === 1 ? "call" : "calls"}, ${average} s on average`;
  const shown = document.getElementById("statistics");
  shown.className = "";
  shown.replaceChildren(...Object.entries(groups).sort().map(group));
});
