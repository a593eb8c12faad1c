/** The menu of file formats. In: a click. Out: the chosen format, by `onChoice`. */

import { element } from "./element.js";

/** @typedef {"txt" | "srt" | "vtt" | "json"} Format */

/** @type {Format[]} */
const FORMATS = ["txt", "srt", "vtt", "json"];

/** Distance of the menu from its button and from the window's edge. */
const GAP_PX = 6;

/** @param {(format: Format) => void} onChoice */
export function connectSaveMenu(onChoice) {
  const menu = element("save-menu");
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") place(menu, element("open-save"));
  });
  for (const format of FORMATS) {
    element(`save-${format}`).addEventListener("click", () => {
      menu.hidePopover();
      onChoice(format);
    });
  }
}

/**
 * Below the button, within the window.
 * @param {HTMLElement} menu
 * @param {HTMLElement} button
 */
function place(menu, button) {
  const { left, bottom } = button.getBoundingClientRect();
  const maxLeft = document.documentElement.clientWidth - menu.offsetWidth - GAP_PX;
  menu.style.left = `${Math.max(GAP_PX, Math.min(left, maxLeft))}px`;
  menu.style.top = `${bottom + GAP_PX}px`;
}
