/**
 * The sessions of this browser. In: a recorder, requests of the user. Out: the text on the page, stored as it arrives and
 * shown again after a reload; past sessions, listed, searched, opened and deleted; notices.
 */

/** @import { Recorder } from "./recorder.js" */
/** @import { SessionRecord } from "../store/database.js" */
/** @import { Kept } from "../store/keeper.js" */
/** @import { Match } from "../text/search.js" */
/** @import { Segment } from "../text/transcript.js" */
/** @import { NoticeView } from "../view/notice_view.js" */

import { Archive } from "../store/archive.js";
import { openDatabase } from "../store/database.js";
import { Keeper, isFree } from "../store/keeper.js";

/** @typedef {{record: SessionRecord, match: Match | null, isCurrent: boolean}} Found */
/** @typedef {{model: string, language: string}} Facts */

export class Sessions {
  #recorder;
  #notice;
  #settings;
  /** @type {Archive | null} */ #archive = null;
  /** @type {Keeper | null} */ #keeper = null;
  /** @type {Facts} */ #facts = { model: "", language: "" };
  #revision = 0; // of the text that is stored or being stored
  #hasWarned = false;
  /** @type {Promise<void>} */ #loaded = Promise.resolve();

  /**
   * @param {Recorder} recorder
   * @param {NoticeView} notice
   * @param {() => Facts} settings Those of the text that is being recorded.
   */
  constructor(recorder, notice, settings) {
    this.#recorder = recorder;
    this.#notice = notice;
    this.#settings = settings;
  }

  /** Whether sessions can be kept. */
  get isAvailable() {
    return this.#archive !== null;
  }

  /** The language that was set for the text; "" if none was. */
  get language() {
    return this.#facts.language;
  }

  /** Show the last session again. Speech that began in the meantime is a new session. */
  load() {
    this.#loaded = this.#load();
    return this.#loaded;
  }

  async #load() {
    try {
      const archive = new Archive(await openDatabase());
      const keeper = new Keeper(archive, () => this.#snapshot());
      keeper.onFailure = (error) => this.#warn(error);
      const kept = await keeper.restore();
      if (kept && !this.#recorder.isActive && this.#recorder.transcript.isEmpty) this.#show(kept.record, kept.segments);
      else if (kept) keeper.begin();
      [this.#archive, this.#keeper] = [archive, keeper];
      this.noteChange();
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Store the text if it changed. */
  noteChange() {
    const { isActive, transcript } = this.#recorder;
    if (isActive) this.#facts = this.#settings();
    if (!this.#keeper || transcript.revision === this.#revision) return;
    this.#revision = transcript.revision;
    this.#keeper.noteChange();
  }

  /** The page may be closed: store the text now. */
  saveNow() {
    if (!this.#recorder.transcript.isEmpty) this.#keeper?.save();
  }

  /** Begin a new session. The text moves to the past sessions, and the user can undo it. */
  async clear() {
    const { isActive, transcript } = this.#recorder;
    if (isActive || transcript.isEmpty) return;
    const cleared = this.#keeper?.current() ?? { record: null, segments: transcript.shown };
    const { audioS } = this.#recorder;
    const saving = this.#keeper?.save({ isClosed: true });
    this.#keeper?.begin();
    this.#show(null, []);
    const isKept = await saving;
    this.#notice.show("Cleared.", isKept ? "The text is kept under Sessions." : "", {
      label: "Undo",
      run: () => this.#replace(cleared.record, cleared.segments, audioS),
    });
  }

  /**
   * Show other text of the session, as after an edit, with an undo.
   * @param {readonly Segment[]} segments
   * @param {string} title What happened.
   */
  replaceText(segments, title) {
    const { audioS, transcript } = this.#recorder;
    const before = transcript.shown;
    if (!this.#recorder.restore(segments, audioS)) {
      return this.#notice.show("The edit was discarded.", "A recording has begun.");
    }
    const run = () => this.#recorder.restore(before, audioS);
    this.#notice.show(title, "", { label: "Undo", run });
  }

  /**
   * All sessions, or those that contain the query; the latest first.
   * @param {string} query
   * @returns {Promise<Found[]>}
   */
  async find(query) {
    await this.#loaded;
    if (!this.#archive) return [];
    if (!this.#recorder.transcript.isEmpty) await this.#keeper?.save();
    const isCurrent = (/** @type {SessionRecord} */ { id }) => id === this.#keeper?.id;
    if (!query.trim()) {
      return (await this.#archive.list()).map((record) => ({ record, match: null, isCurrent: isCurrent(record) }));
    }
    const found = [];
    for await (const { record, match } of this.#archive.search(query)) {
      found.push({ record, match, isCurrent: isCurrent(record) });
    }
    return found;
  }

  /**
   * Put a past session on the page; the text there moves to the past sessions.
   * @param {SessionRecord} record
   * @returns {Promise<boolean>} false while recording, or if another tab has it.
   */
  async open(record) {
    if (!this.#archive || record.id === this.#keeper?.id) return true;
    return this.#replace(record, await this.#archive.segments(record.id), record.audioS);
  }

  /**
   * Delete sessions, except the one on the page and those in other tabs.
   * @param {readonly SessionRecord[]} records
   * @returns {Promise<Kept[]>} What was deleted.
   */
  async delete(records) {
    const deleted = [];
    for (const record of records) {
      if (!this.#archive || record.id === this.#keeper?.id || !(await isFree(record.id))) continue;
      deleted.push({ record, segments: await this.#archive.segments(record.id) });
    }
    await this.#archive?.delete(deleted.map(({ record }) => record.id));
    return deleted;
  }

  /** @param {readonly Kept[]} deleted Undo a deletion. */
  async putBack(deleted) {
    for (const { record, segments } of deleted) await this.#archive?.save(record, segments);
  }

  /**
   * @param {SessionRecord | null} record null if nothing is stored.
   * @param {readonly Segment[]} segments
   * @param {number} audioS
   */
  async #replace(record, segments, audioS) {
    if (this.#recorder.isActive) return false;
    if (this.#keeper && record) {
      await this.#keeper.save({ isClosed: true });
      if (!(await this.#keeper.adopt(record))) {
        this.#keeper.save();
        this.#notice.show("This session is open in another tab.", "");
        return false;
      }
    }
    this.#show(record, segments, audioS);
    await this.#keeper?.save();
    return true;
  }

  /**
   * @param {SessionRecord | null} record
   * @param {readonly Segment[]} segments
   */
  #show(record, segments, audioS = record?.audioS ?? 0) {
    const keeper = this.#keeper;
    this.#keeper = null; // what is shown is stored already
    this.#notice.hide(); // its undo is for the other text
    this.#facts = record ? { model: record.model, language: record.language } : this.#settings();
    this.#recorder.restore(segments, audioS);
    this.#revision = this.#recorder.transcript.revision;
    this.#keeper = keeper;
  }

  /** The session as it is stored. */
  #snapshot() {
    const { transcript, audioS } = this.#recorder;
    return { segments: transcript.shown, audioS, ...this.#facts };
  }

  /**
   * Text cannot be stored; said once.
   * @param {unknown} error
   */
  #warn(error) {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
    const reason = isFull ? "The browser has no room left." : "The browser stores nothing for it, as in a private window.";
    this.#notice.show("This page cannot keep its text.", `${reason} Save the text before you close the page.`);
  }
}
