import { askUntilAnswered, element, on } from "/shared.js";

const entries = new Map();

function entry(node, path) {
  const key = element("span", "key", path.at(-1) ?? "☎");
  const end = element("span", "end", node.end ?? "");
  const row = element("div", "entry", key, element("span", "title", node.title), end, element("span", "say", node.say));
  entries.set(path.join(""), row);
  const item = element("li", "", row);
  const below = Object.entries(node.keys ?? {}).map(([digit, child]) => entry(child, [...path, digit]));
  if (below.length) item.append(element("ul", "", ...below));
  return item;
}

// Marks the way to where a call stands.
on("call", (call) => {
  const here = call.path.join("");
  for (const [path, row] of entries) {
    row.classList.toggle("passed", !call.ended && here.startsWith(path));
    row.classList.toggle("here", !call.ended && here === path);
  }
});

const tree = document.getElementById("menu-tree");
const menu = await askUntilAnswered("menu");
tree.className = "";
tree.replaceChildren(element("ul", "", entry(menu, [])));
