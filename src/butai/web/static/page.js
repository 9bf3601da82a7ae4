// What the portal's scripts share: looking for elements, making them from text.
"use strict";

export const RETRY_MS = 3000;

export const each = (selector, act, within = document) => within.querySelectorAll(selector).forEach((found) => act(found));

// The same as the filter `code`: what stands between backticks becomes code, and all of it stays text.
export function say(element, words) {
  words.split(/`([^`\n]+)`/).forEach((part, index) => element.append(index % 2 ? make("code", "", part) : part));
  return element;
}

export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text; // text, never markup
  return element;
}
