/** The list of sessions. In: sessions, a query. Out: requests to open, delete and put back sessions. */

/** @import { Sessions, Found } from "../app/sessions.js" */
/** @import { Kept, SessionRecord } from "../store/database.js" */

import { MAX_CHARS, MAX_SESSIONS } from "../store/archive.js";
import { shortTime } from "../text/writers.js";
import { element } from "./element.js";

/** Pause in typing before a search. */
const TYPING_MS = 150;

const BOUND =
  `This browser keeps the latest ${MAX_SESSIONS} sessions, at most ${MAX_CHARS / 1e6} million characters, ` +
  "fewer if it has no room, on this device only.";

const UNREADABLE = "The browser cannot read the sessions. Save the text on the page, then reload the page and try again.";

export class SessionsView {
  #dialog = /** @type {HTMLDialogElement} */ (element("sessions"));
  #query = /** @type {HTMLInputElement} */ (element("search"));
  #list = element("session-list");
  #row = /** @type {HTMLTemplateElement} */ (element("session-row"));
  #note = element("sessions-note");
  #undo = element("undo-delete");
  #deleteAll = /** @type {HTMLButtonElement} */ (element("delete-all"));
  #sessions;
  /** @type {Kept[]} */ #deleted = [];
  /** @type {SessionRecord[]} */ #past = [];
  #numDraws = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * A session is on the page; `query` is what the user searched.
   * @type {(query: string) => void}
   */
  onOpened = () => {};

  /** @param {Sessions} sessions */
  constructor(sessions) {
    this.#sessions = sessions;
    element("session-bound").textContent = BOUND;
    this.#query.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#draw(), TYPING_MS);
    });
    this.#undo.addEventListener("click", () => this.#putBack());
    this.#deleteAll.addEventListener("click", () => this.#confirmDeleteAll());
    this.#deleteAll.addEventListener("blur", () => this.#resetDeleteAll());
    element("sessions-done").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => (this.#deleted = []));
  }

  async open() {
    this.#query.value = "";
    this.#undo.hidden = true;
    this.#dialog.showModal();
    await this.#draw();
  }

  /** @param {string} [happened] What the note shows instead of the number of sessions. */
  async #draw(happened) {
    const number = ++this.#numDraws;
    const query = this.#query.value.trim();
    const found = await this.#sessions.find(query).catch(() => null);
    if (number !== this.#numDraws) return; // a later search is on its way
    if (!found) {
      this.#list.replaceChildren();
      this.#note.textContent = UNREADABLE;
      return;
    }
    if (!query) this.#past = found.filter(({ isCurrent }) => !isCurrent).map(({ record }) => record);
    this.#list.replaceChildren(...found.map((item) => this.#rowOf(item, query)));
    this.#note.textContent = happened ?? this.#summary(found.length, query);
    this.#resetDeleteAll();
  }

  /**
   * @param {number} num
   * @param {string} query
   */
  #summary(num, query) {
    if (!this.#sessions.isAvailable) return "This browser stores no text for this page.";
    const sessions = num === 1 ? "1 session" : `${num || "No"} sessions`;
    return query ? `${sessions} with “${query}”` : sessions;
  }

  /**
   * @param {Found} found
   * @param {string} query
   */
  #rowOf({ record, match, isCurrent }, query) {
    const row = /** @type {HTMLElement} */ (this.#row.content.cloneNode(true)).querySelector("li");
    const [open, remove] = /** @type {HTMLLIElement} */ (row).querySelectorAll("button");
    const [title, facts] = open.children;
    if (match) title.append(match.before, marked(match.found), match.after);
    else title.append(record.title);
    facts.textContent = factsOf(record, match?.numMatches ?? 0, isCurrent);
    open.addEventListener("click", () => this.#open(record, query));
    remove.setAttribute("aria-label", `Delete “${record.title}”`);
    remove.hidden = isCurrent;
    remove.addEventListener("click", () => this.#delete([record]));
    return /** @type {HTMLLIElement} */ (row);
  }

  /**
   * @param {SessionRecord} record
   * @param {string} query
   */
  async #open(record, query) {
    this.#dialog.close();
    if (await this.#sessions.open(record)) this.onOpened(query);
  }

  /** @param {SessionRecord[]} records */
  async #delete(records) {
    const { deleted, numOpen, numFailed } = await this.#sessions.delete(records);
    const num = deleted.length;
    this.#deleted = deleted;
    this.#undo.hidden = !num;
    const rest = [];
    if (numOpen) rest.push(`${numOpen} not deleted: open in another tab.`);
    if (numFailed) rest.push(`${numFailed} not deleted: the browser cannot change its storage.`);
    const done = records.length === 1 && !rest.length ? "Deleted." : `${num} deleted.`;
    await this.#draw([...(num || !rest.length ? [done] : []), ...rest].join(" "));
    if (num) this.#undo.focus();
  }

  async #putBack() {
    this.#undo.hidden = true;
    const deleted = this.#deleted;
    this.#deleted = []; // another deletion may follow before these are back
    const isBack = await this.#sessions.putBack(deleted).then(
      () => true,
      () => false,
    );
    if (!isBack) {
      this.#deleted.push(...deleted);
      this.#undo.hidden = false;
    }
    await this.#draw(isBack ? undefined : "Not put back: the browser cannot store it.");
    this.#query.focus();
  }

  /** The second press deletes. */
  #confirmDeleteAll() {
    if (this.#deleteAll.classList.contains("alarm")) return this.#delete(this.#past);
    this.#deleteAll.classList.add("alarm");
    this.#deleteAll.textContent = `Delete ${this.#past.length} now`;
    return null;
  }

  #resetDeleteAll() {
    this.#deleteAll.classList.remove("alarm");
    this.#deleteAll.textContent = "Delete all past sessions";
    this.#deleteAll.hidden = !this.#past.length;
  }
}

/**
 * @param {SessionRecord} record
 * @param {number} numMatches
 * @param {boolean} isCurrent
 */
function factsOf({ startedMs, audioS, model, language }, numMatches, isCurrent) {
  const date = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(startedMs);
  const matches = numMatches > 1 ? `${numMatches} matches` : "";
  return [isCurrent ? "On the page" : "", date, shortTime(audioS), language, model, matches].filter(Boolean).join(" · ");
}

/** @param {string} text */
function marked(text) {
  const mark = document.createElement("mark");
  mark.textContent = text;
  return mark;
}
