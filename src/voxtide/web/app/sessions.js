/**
 * The sessions of this browser. In: a recorder, requests of the user. Out: the text on the page, stored as it arrives and
 * shown again after a reload; past sessions, listed, searched, opened and deleted; notices.
 */

/** @import { Recorder } from "./recorder.js" */
/** @import { Deletion } from "../store/archive.js" */
/** @import { Kept, SessionRecord } from "../store/database.js" */
/** @import { Match } from "../text/search.js" */
/** @import { Segment } from "../text/transcript.js" */
/** @import { NoticeView } from "../view/notice_view.js" */

import { Archive, isFull } from "../store/archive.js";
import { openDatabase } from "../store/database.js";
import { Keeper } from "../store/keeper.js";
import { claim } from "../store/locks.js";

/** Titles in the notice of what was deleted. */
const MAX_TITLES = 3;

/** The database was closed, by the user who cleared the site's data or by a newer page, or it is damaged. */
const UNREADABLE = "The browser cannot read it. Save the text on the page, then reload the page and try again.";

/** @typedef {{record: SessionRecord, match: Match | null, isCurrent: boolean}} Found */
/** @typedef {{model: string, language: string}} Facts */

/** @typedef {{notice: NoticeView, lossNotice: NoticeView}} Notices `lossNotice`: what was deleted to make room. */

export class Sessions {
  #recorder;
  #notice;
  #lossNotice;
  #settings;
  /** @type {Archive | null} */ #archive = null;
  /** @type {Keeper | null} */ #keeper = null;
  /** @type {Facts} */ #facts = { model: "", language: "" };
  #revision = 0; // of the text that is stored or being stored
  #hasWarned = false;
  /** @type {SessionRecord[]} */ #lost = []; // deleted to make room
  /** @type {Promise<void>} */ #loaded = Promise.resolve();
  /** @type {Promise<unknown>} */ #replaced = Promise.resolve();

  /** Whether the user edits the text, so that no other may take its place. */
  isEditing = () => false;

  /**
   * @param {Recorder} recorder
   * @param {Notices} notices
   * @param {() => Facts} settings Those of the text that is being recorded.
   */
  constructor(recorder, { notice, lossNotice }, settings) {
    this.#recorder = recorder;
    this.#notice = notice;
    this.#lossNotice = lossNotice;
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
      archive.onDeleted = (record) => this.#reportLoss(record);
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
    this.#keeper?.save();
  }

  /** Begin a new session. The text moves to the past sessions, and the user can undo it. */
  async clear() {
    await this.#loaded; // it would show the last session on the empty page
    const { isActive, transcript, audioS } = this.#recorder;
    if (isActive || transcript.isEmpty) return;
    const cleared = this.#keeper?.current() ?? { record: null, segments: transcript.shown };
    const saving = this.#keeper?.save({ isClosed: true });
    this.#keeper?.begin();
    this.#show(null, []);
    const { revision } = transcript;
    const isKept = await saving;
    const canUndo = !this.#recorder.isActive && transcript.revision === revision;
    const run = () => this.#replace(cleared.record, cleared.segments, audioS);
    const undo = canUndo ? { label: "Undo", run } : null;
    this.#notice.show("Cleared.", isKept ? "The text is kept under Sessions." : "", undo);
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
    await this.#keeper?.save();
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
   * @returns {Promise<boolean>} false if the text on the page is in use, or the session by another tab, or if the browser
   *   cannot read it; a notice has the reason.
   */
  open(record) {
    return this.#replace(record, null, record.audioS);
  }

  /**
   * Delete sessions, except the one on the page and those in other tabs.
   * @param {readonly SessionRecord[]} records
   * @returns {Promise<Deletion>}
   */
  async delete(records) {
    const ids = records.map(({ id }) => id);
    return (await this.#archive?.deleteAllFree(ids, this.#keeper?.id)) ?? { deleted: [], numOpen: 0, numFailed: 0 };
  }

  /** @param {readonly Kept[]} deleted Undo a deletion. Rejects if the browser cannot store all. */
  async putBack(deleted) {
    for (const { record, segments } of deleted) await this.#archive?.save(record, segments);
  }

  /**
   * Put a session on the page, after the requests before.
   * @param {SessionRecord | null} record null if nothing is stored.
   * @param {readonly Segment[] | null} segments Its text, if it is not stored or stored in an older version.
   * @param {number} audioS
   * @returns {Promise<boolean>} Whether it is on the page.
   */
  #replace(record, segments, audioS) {
    const replaced = this.#replaced
      .then(() => this.#replaceNow(record, segments, audioS))
      .catch(() => this.#refuse("The session was not opened.", UNREADABLE));
    this.#replaced = replaced;
    return replaced;
  }

  /**
   * @param {SessionRecord | null} record
   * @param {readonly Segment[] | null} segments
   * @param {number} audioS
   */
  async #replaceNow(record, segments, audioS) {
    if (this.#recorder.isActive) return false;
    const [archive, keeper] = [this.#archive, this.#keeper];
    if (!archive || !keeper || !record) {
      this.#show(record, segments ?? [], audioS);
      return true;
    }
    if (record.id === keeper.id) return true;
    const release = await claim(record.id);
    if (!release) return this.#refuse("This session is open in another tab.");
    try {
      return await this.#exchange(archive, keeper, record, segments, release);
    } finally {
      if (record.id !== keeper.id) release();
    }
  }

  /**
   * All waits come first. Then the text on the page is stored, and text and session change in one step: a recording or an
   * edit that begins during a wait keeps the page, and no text can be stored under the other session's id.
   * @param {Archive} archive
   * @param {Keeper} keeper
   * @param {SessionRecord} record
   * @param {readonly Segment[] | null} segments
   * @param {() => void} release
   */
  async #exchange(archive, keeper, record, segments, release) {
    const { transcript } = this.#recorder;
    const { revision } = transcript;
    const stored = await archive.read(record.id); // another tab may have changed or deleted it since it was listed
    const isNewer = stored && (!segments || stored.record.changedMs > record.changedMs);
    const kept = isNewer ? stored : segments && { record, segments };
    if (!kept) return this.#refuse("This session has been deleted.");
    const isSaved = await keeper.save();
    if (this.#recorder.isActive || this.isEditing() || transcript.revision !== revision) {
      return this.#refuse("The session was not opened.", "The text on the page is in use.");
    }
    if (!isSaved && !transcript.isEmpty) {
      return this.#refuse("The text on the page cannot be stored.", "Save and clear it before you open a session.");
    }
    keeper.save({ isClosed: true });
    keeper.adopt(kept.record, release);
    this.#show(kept.record, kept.segments);
    await keeper.save();
    return true;
  }

  /**
   * @param {string} title
   * @param {string} remedy
   */
  #refuse(title, remedy = "") {
    this.#notice.show(title, remedy);
    return false;
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

  /** @param {SessionRecord} record The browser had no room, so this session was deleted. */
  #reportLoss(record) {
    this.#lost.push(record);
    const num = this.#lost.length;
    const sessions = num === 1 ? "The oldest session was" : `The ${num} oldest sessions were`;
    const titles = this.#lost.map(({ title }) => `“${title}”`).slice(-MAX_TITLES);
    if (num > MAX_TITLES) titles.unshift("…");
    this.#lossNotice.show("The browser has no room left.", `${sessions} deleted to store the text: ${titles.join(", ")}.`);
  }

  /**
   * Report, once, that text cannot be stored.
   * @param {unknown} error
   */
  #warn(error) {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const reason = isFull(error) ? "The browser has no room left." : "The browser stores nothing for it, as in a private window.";
    this.#notice.show("This page cannot keep its text.", `${reason} Save the text before you close the page.`);
  }
}
