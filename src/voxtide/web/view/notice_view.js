/** One notice at a time above the captions. In: what happened, and what the user can do. Out: the action, if chosen. */

import { element } from "./element.js";

/** @typedef {{label: string, run: () => unknown}} Action */

export class NoticeView {
  #notice = element("notice");
  #title = element("notice-title");
  #remedy = element("notice-remedy");
  #button = element("notice-action");
  /** @type {Action | null} */ #action = null;

  constructor() {
    element("notice-dismiss").addEventListener("click", () => this.hide());
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
