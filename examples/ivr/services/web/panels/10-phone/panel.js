import { ask, emit } from "/shared.js";

const part = (name) => document.getElementById(`phone-${name}`);
const keys = [...document.querySelectorAll(".keys button")];
const caller = `090-${digits(4)}-${digits(4)}`;
let call = null;

function digits(count) {
  return Array.from({ length: count }, () => Math.floor(Math.random() * 10)).join("");
}

// What the api says about the call, or null when it did not answer: then nothing changes.
function show(answer) {
  if (!answer) return;
  call = answer.ended ? null : answer;
  part("say").textContent = answer.say;
  part("say").className = "";
  part("state").textContent = answer.ended ? `Call ${answer.id}: ${answer.end}` : `Call ${answer.id}`;
  enable();
  emit("call", answer);
}

function enable() {
  for (const key of keys) key.disabled = !call;
  part("call").disabled = !!call;
  part("end").disabled = !call;
}

async function press(digit) {
  if (!call) return;
  const key = keys.find((one) => one.dataset.key === digit);
  key.classList.add("pressed");
  setTimeout(() => key.classList.remove("pressed"), 180);
  show(await ask(`calls/${call.id}/press`, { digit }));
}

for (const key of keys) key.addEventListener("click", () => press(key.dataset.key));
part("call").addEventListener("click", async () => show(await ask("calls", { caller })));
part("end").addEventListener("click", async () => show(await ask(`calls/${call.id}/end`, {})));
document.addEventListener("keydown", (event) => {
  if (!event.ctrlKey && !event.metaKey && !event.altKey && keys.some((key) => key.dataset.key === event.key)) press(event.key);
});

setInterval(() => {
  if (!call) return;
  const seconds = Math.max(0, Math.floor(Date.now() / 1000 - call.started));
  part("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 250);

enable();
