/**
 * Keeps the session on the page. In: its text, after every change. Out: stored text, at most a second old. Knows no page.
 *
 * A session belongs to one tab at a time: the tab holds a lock with its name (Web Locks). Browsers have none over plain
 * http; there a new tab does not continue a session, only a reloaded one does.
 */

/** @import { Segment } from "../text/transcript.js" */
/** @import { Archive } from "./archive.js" */
/** @import { SessionRecord } from "./database.js" */

import { plainText, titleOf } from "../text/search.js";

/** Interval between two writes while text arrives. */
const SAVE_MS = 500;

/** Timeout of the lock: the page before a reload may still hold it. */
const CLAIM_MS = 1_000;

/** The tab's session in `sessionStorage`. */
const TAB_STORE = "voxtide.session";

/** @typedef {{segments: readonly Segment[], audioS: number, model: string, language: string}} Snapshot */
/** @typedef {{record: SessionRecord, segments: readonly Segment[]}} Kept */

export class Keeper {
  #archive;
  #snapshot;
  #id = "";
  #startedMs = 0;
  #isStored = false;
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
    if (record && (await this.adopt(record, Boolean(ownId)))) return { record, segments: await this.#archive.segments(record.id) };
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
  async save({ isClosed = false } = {}) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#savedMs = performance.now();
    const { record, segments } = this.current(isClosed);
    try {
      if (segments.length) await this.#archive.save(record, segments);
      else if (this.#isStored) await this.#archive.delete([record.id]);
      if (record.id === this.#id) this.#isStored = segments.length > 0;
      return true;
    } catch (error) {
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
    const claimed = claim(id, false); // no other tab knows it
    this.#become(id, Date.now(), false, () => claimed.then((release) => release?.()));
  }

  /**
   * Continue a session.
   * @param {SessionRecord} record
   * @param {boolean} isPatient Whether to wait for a page that is being closed.
   * @returns {Promise<boolean>} false if another tab has it.
   */
  async adopt({ id, startedMs }, isPatient = false) {
    if (id === this.#id) return true;
    const release = await claim(id, isPatient);
    if (release) this.#become(id, startedMs, true, release);
    return release !== null;
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
    this.#release();
    this.#release = release;
    [this.#id, this.#startedMs, this.#isStored] = [id, startedMs, isStored];
    rememberTab(id);
  }
}

/**
 * Whether no tab has a session open.
 * @param {string} id
 */
export async function isFree(id) {
  const held = (await navigator.locks?.query())?.held ?? [];
  return !held.some(({ name }) => name === lockName(id));
}

/**
 * Take the lock of a session.
 * @param {string} id
 * @param {boolean} isPatient
 * @returns {Promise<(() => void) | null>} Releases it; null if another tab holds it.
 */
function claim(id, isPatient) {
  if (!navigator.locks) return Promise.resolve(() => {});
  const options = isPatient ? { signal: AbortSignal.timeout(CLAIM_MS) } : { ifAvailable: true };
  return new Promise((resolve) => {
    const held = navigator.locks.request(lockName(id), options, (lock) => {
      if (!lock) return resolve(null);
      return new Promise((release) => resolve(() => release(undefined)));
    });
    held.catch(() => resolve(null)); // the timeout
  });
}

/** @param {string} id */
function lockName(id) {
  return `voxtide.session.${id}`;
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
