/** Editing of the text. In: the text. Out: the edited text, by `onEdited`, however the dialog is closed. */

import { element } from "./element.js";

export class EditorView {
  #dialog = /** @type {HTMLDialogElement} */ (element("editor"));
  #area = /** @type {HTMLTextAreaElement} */ (element("editor-text"));
  #before = "";

  /** @type {(text: string) => void} */
  onEdited = () => {};

  constructor() {
    element("editor-done").addEventListener("click", () => this.#dialog.close());
    element("editor-discard").addEventListener("click", () => {
      this.#area.value = this.#before;
      this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => this.apply());
  }

  /** Whether the dialog is open, or an edit of it not reported yet. */
  get isOpen() {
    return this.#dialog.open || this.#area.value !== this.#before;
  }

  /** @param {string} text */
  open(text) {
    this.#area.value = text;
    this.#before = this.#area.value;
    this.#dialog.showModal();
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = 0;
  }

  /** Report the edit so far, if any: also when the page is closed. */
  apply() {
    const text = this.#area.value;
    if (text === this.#before) return;
    this.#before = text;
    this.onEdited(text);
  }
}
