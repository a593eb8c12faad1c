/** A notice above the captions. In: what happened, and what the user can do. Out: the action, if chosen. */

import { element } from "./element.js";

/** @typedef {{label: string, run: () => unknown}} Action */

export class NoticeView {
  #notice;
  #title;
  #remedy;
  #button;
  /** @type {Action | null} */ #action = null;

  /** @param {string} id Of the element. */
  constructor(id) {
    this.#notice = element(id);
    [this.#title, this.#remedy, this.#button] = ["title", "remedy", "action"].map((part) => element(`${id}-${part}`));
    element(`${id}-dismiss`).addEventListener("click", () => this.hide());
    this.#button.addEventListener("click", () => {
      const action = this.#action;
      this.hide();
      action?.run();
    });
  }

  /**
   * @param {string} title
   * @param {string} remedy
   * @param {Action | null} [action]
   */
  show(title, remedy, action = null) {
    this.#action = action;
    this.#notice.hidden = false;
    this.#title.textContent = title;
    this.#remedy.textContent = remedy;
    this.#button.textContent = action?.label ?? "";
    this.#button.hidden = !action;
  }

  hide() {
    this.#notice.hidden = true;
    this.#action = null;
  }
}
