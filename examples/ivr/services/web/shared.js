// What panels share: requests to the api, and events between panels.

const bus = new EventTarget();

export const on = (name, handle) => bus.addEventListener(name, (event) => handle(event.detail));
export const emit = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

// The api lies under the page's own host. Without a body it is a GET.
export async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch {
    return trouble("The api cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) return trouble(answer.error ?? `The api does not answer (${response.status}).`);
  trouble("");
  return answer;
}

// Asks until there is an answer: a new environment's api may come after its pages.
export async function askUntilAnswered(path) {
  for (;;) {
    const answer = await ask(path);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

// An element with classes and children; text children stay text, whatever they hold.
export function element(name, classes = "", ...children) {
  const made = document.createElement(name);
  made.className = classes;
  made.append(...children);
  return made;
}

function trouble(text) {
  const line = document.getElementById("trouble");
  line.textContent = text;
  line.hidden = !text;
  return null;
}
