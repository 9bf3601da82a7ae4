// What the portal's scripts share: looking for elements, making them from text.
"use strict";

export const RETRY_MS = 3000;

export const each = (selector, act, within = document) => within.querySelectorAll(selector).forEach((found) => act(found));

export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text; // text, never markup
  return element;
}
