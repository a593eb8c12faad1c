/**
 * Keeps the session on the page. In: its text, after every change. Out: stored text, at most a second old. Knows no page.
 *
 * The tab holds the session's lock. Over plain http there are no locks; there a new tab does not continue a session, only
 * a reloaded one does.
 */

/** @import { Segment } from "../text/transcript.js" */
/** @import { Archive } from "./archive.js" */
/** @import { Kept, SessionRecord } from "./database.js" */

import { plainText, titleOf } from "../text/search.js";
import { claim } from "./locks.js";

/** Interval between two writes while text arrives. */
const SAVE_MS = 500;

/** The tab's session in `sessionStorage`. */
const TAB_STORE = "voxtide.session";

/** @typedef {{segments: readonly Segment[], audioS: number, model: string, language: string}} Snapshot */

export class Keeper {
  #archive;
  #snapshot;
  #id = "";
  #startedMs = 0;
  #isStored = false; // or being stored
  /** @type {Promise<unknown>} */ #saved = Promise.resolve();
  /** @type {() => void} */ #release = () => {};
  #savedMs = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * Called for every write that failed.
   * @type {(error: unknown) => void}
   */
  onFailure = () => {};

  /**
   * @param {Archive} archive
   * @param {() => Snapshot} snapshot The session as it is now.
   */
  constructor(archive, snapshot) {
    this.#archive = archive;
    this.#snapshot = snapshot;
  }

  get id() {
    return this.#id;
  }

  /**
   * The session of this tab before a reload, else the latest one if no tab has it and it was not cleared. It becomes
   * the current one.
   * @returns {Promise<Kept | null>}
   */
  async restore() {
    const records = await this.#archive.list();
    const ownId = tabId();
    const latest = navigator.locks && !records[0]?.isClosed ? records[0] : undefined;
    const record = ownId ? records.find(({ id }) => id === ownId) : latest;
    const release = record && (await claim(record.id, Boolean(ownId)));
    if (release) {
      const kept = await this.#archive.read(record.id); // the tab that had it may have changed it since
      if (kept && (ownId || !kept.record.isClosed)) {
        this.adopt(kept.record, release);
        return kept;
      }
      release();
    }
    this.begin();
    return null;
  }

  /** Store the text soon: at once, or half a second after the last time. */
  noteChange() {
    const waitMs = this.#savedMs + SAVE_MS - performance.now();
    if (waitMs <= 0) this.save();
    else this.#timer ??= setTimeout(() => this.save(), waitMs);
  }

  /**
   * Store the text now. The write begins before this returns, so that it also works while the page is being closed.
   * @param {{isClosed?: boolean}} [options]
   * @returns {Promise<boolean>} Whether the text is stored.
   */
  save({ isClosed = false } = {}) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#savedMs = performance.now();
    const saved = this.#write(this.current(isClosed));
    this.#saved = saved;
    return saved;
  }

  /** @param {Kept} kept */
  async #write({ record, segments }) {
    const wasStored = this.#isStored;
    this.#isStored = segments.length > 0;
    try {
      if (segments.length) await this.#archive.save(record, segments);
      else if (wasStored) await this.#archive.delete(record.id);
      return true;
    } catch (error) {
      if (record.id === this.#id) this.#isStored ||= wasStored;
      this.onFailure(error);
      return false;
    }
  }

  /** @returns {Kept} The session as it would be stored now. */
  current(isClosed = false) {
    const { segments, ...facts } = this.#snapshot();
    const text = plainText(segments);
    const [startedMs, changedMs] = [this.#startedMs, Date.now()];
    const record = { id: this.#id, title: titleOf(text), startedMs, changedMs, numChars: text.length, isClosed };
    return { record: { ...record, ...facts }, segments };
  }

  /** Begin a new session. */
  begin() {
    const id = newId();
    const claimed = claim(id); // no other tab knows it
    this.#become(id, Date.now(), false, () => claimed.then((release) => release?.()));
  }

  /**
   * Continue a session, at once: the caller changes the text on the page in the same step, so that no text is ever stored
   * under the other session's id.
   * @param {SessionRecord} record
   * @param {() => void} release Of its lock.
   */
  adopt({ id, startedMs }, release) {
    this.#become(id, startedMs, true, release);
  }

  /**
   * @param {string} id
   * @param {number} startedMs
   * @param {boolean} isStored
   * @param {() => void} release
   */
  #become(id, startedMs, isStored, release) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saved.then(this.#release); // a write may be repeated
    this.#release = release;
    [this.#id, this.#startedMs, this.#isStored] = [id, startedMs, isStored];
    rememberTab(id);
  }
}

/** Unique among the sessions of one browser. (`randomUUID` needs https.) */
function newId() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}

function tabId() {
  try {
    return sessionStorage.getItem(TAB_STORE);
  } catch {
    return null; // no storage
  }
}

/** @param {string} id */
function rememberTab(id) {
  try {
    sessionStorage.setItem(TAB_STORE, id);
  } catch {
    // Without the id, a reloaded tab begins a new session.
  }
}
