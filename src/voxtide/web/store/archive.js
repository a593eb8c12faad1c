/** All kept sessions, within limits. In: sessions, searches. Out: lists, texts, matches. Knows no page. */

/** @import { Segment } from "../text/transcript.js" */
/** @import { Match } from "../text/search.js" */
/** @import { Database, Kept, SessionRecord } from "./database.js" */

import { matchIn, plainText } from "../text/search.js";
import { whileFree } from "./locks.js";

/** More are hard to survey in a list. */
export const MAX_SESSIONS = 100;

/** Characters of all sessions together: about 180 hours of speech, 20 MB, which every browser grants. */
export const MAX_CHARS = 10_000_000;

/**
 * A write needs space for the old and the new text. If twice the text plus this much was freed and it still fails, the
 * disk is full: delete no more.
 */
export const MAX_FREED_CHARS = 10_000;

/**
 * What was deleted, how many a tab has open, and how many the browser could not delete.
 * @typedef {{deleted: Kept[], numOpen: number, numFailed: number}} Deletion
 */

export class Archive {
  #database;
  /** @type {Map<string, Kept>} */ #unwritten = new Map(); // the latest version of sessions that are being written
  /** @type {Promise<unknown>} */ #retried = Promise.resolve();
  #freedChars = 0; // by deletions since a write succeeded

  /**
   * Called for every session that was deleted because the browser had no room.
   * @type {(record: SessionRecord) => void}
   */
  onDeleted = () => {};

  /** @param {Database} database */
  constructor(database) {
    this.#database = database;
  }

  /** @returns {Promise<SessionRecord[]>} The latest first. */
  async list() {
    return latestFirst(await this.#database.records());
  }

  /** @param {string} id */
  read(id) {
    return this.#database.read(id);
  }

  /** @param {string} id */
  segments(id) {
    return this.#database.segments(id);
  }

  /**
   * Add or replace a session; the oldest sessions beyond the limits are deleted. If the browser has no room left, the
   * oldest ones make room. Sessions that a tab has open are never deleted.
   * @param {SessionRecord} record
   * @param {readonly Segment[]} segments
   */
  async save(record, segments) {
    const kept = { record, segments };
    this.#unwritten.set(record.id, kept);
    try {
      await this.#put(kept);
    } catch (error) {
      if (!isFull(error)) throw error;
      // In sequence, so that each retry deletes only what is still needed.
      const retry = this.#retried.then(() => this.#putInRoom(record.id));
      this.#retried = retry.catch(() => {});
      await retry;
    } finally {
      if (this.#unwritten.get(record.id) === kept) this.#unwritten.delete(record.id);
    }
    for (const id of surplusOf(await this.list(), record.id)) await whileFree(id, () => this.#database.delete([id]));
  }

  /**
   * Delete a session, although this tab has it open.
   * @param {string} id
   */
  delete(id) {
    this.#unwritten.delete(id);
    return this.#database.delete([id]);
  }

  /**
   * Delete a session unless a tab has it open.
   * @param {string} id
   * @returns {Promise<{isFree: boolean, deleted: Kept | null}>} `deleted`: null if there was none, too.
   */
  async deleteFree(id) {
    /** @type {Kept | null} */
    let deleted = null;
    const isFree = await whileFree(id, async () => {
      deleted = await this.#database.read(id);
      await this.#database.delete([id]);
    });
    return { isFree, deleted };
  }

  /**
   * Delete sessions unless a tab has them open.
   * @param {readonly string[]} ids
   * @param {string | undefined} ownId The session that this tab has open.
   * @returns {Promise<Deletion>}
   */
  async deleteAllFree(ids, ownId) {
    /** @type {Deletion} */
    const done = { deleted: [], numOpen: 0, numFailed: 0 };
    for (const id of ids) {
      try {
        const one = id === ownId ? null : await this.deleteFree(id);
        if (one?.deleted) done.deleted.push(one.deleted);
        if (!one?.isFree) done.numOpen++;
      } catch {
        done.numFailed++; // what was deleted before can still be put back
      }
    }
    return done;
  }

  /** @param {Kept} kept */
  async #put({ record, segments }) {
    await this.#database.put(record, segments);
    this.#freedChars = 0;
  }

  /**
   * Write the latest version of a session, which may be newer than the one that failed. One old session at a time makes
   * room, until the write succeeds.
   * @param {string} id
   */
  async #putInRoom(id) {
    const others = (await this.list()).filter((record) => record.id !== id);
    for (;;) {
      const kept = this.#unwritten.get(id);
      if (!kept) return; // a newer version is stored, or it was deleted
      try {
        return await this.#put(kept);
      } catch (error) {
        if (!isFull(error) || !(await this.#deleteOldest(others, kept.record.numChars))) throw error;
      }
    }
  }

  /**
   * @param {SessionRecord[]} others The latest first; those that were tried are removed.
   * @param {number} numChars Length of the text to store.
   * @returns {Promise<boolean>} Whether one was deleted.
   */
  async #deleteOldest(others, numChars) {
    if (this.#freedChars > 2 * numChars + MAX_FREED_CHARS) return false;
    for (let oldest = others.pop(); oldest; oldest = others.pop()) {
      const { id } = oldest;
      if (!(await whileFree(id, () => this.#database.delete([id])))) continue;
      this.#freedChars += oldest.numChars;
      this.onDeleted(oldest);
      return true;
    }
    return false;
  }

  /**
   * Sessions whose text contains the query, the latest first, one text in memory at a time.
   * @param {string} query
   * @returns {AsyncGenerator<{record: SessionRecord, match: Match}>}
   */
  async *search(query) {
    for (const record of await this.list()) {
      const match = matchIn(plainText(await this.segments(record.id)), query);
      if (match) yield { record, match };
    }
  }
}

/**
 * The ids of the oldest sessions beyond the limits.
 * @param {readonly SessionRecord[]} records
 * @param {string} keptId A session that is kept in any case.
 */
export function surplusOf(records, keptId) {
  const [kept, others] = [true, false].map((isKept) => records.filter(({ id }) => (id === keptId) === isKept));
  let [numSessions, numChars] = [kept.length, kept[0]?.numChars ?? 0];
  return latestFirst(others)
    .filter((record) => {
      numSessions += 1;
      numChars += record.numChars;
      return numSessions > MAX_SESSIONS || numChars > MAX_CHARS;
    })
    .map(({ id }) => id);
}

/** @param {readonly SessionRecord[]} records */
function latestFirst(records) {
  return records.toSorted((a, b) => b.changedMs - a.changedMs);
}

/** @param {unknown} error */
export function isFull(error) {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}
