import { askUntilAnswered, on } from "/shared.js";

// Each service is deployed by itself: a tester's report should name all their versions.
async function show() {
  const health = await askUntilAnswered("health");
  const short = (version) => version?.slice(0, 7) || "not seen";
  document.getElementById("versions").textContent =
    `api ${short(health.version)} · worker ${short(health.worker_version)}`;
}

on("changed", show);
await show();
