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

export class Archive {
  #database;

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
   * oldest ones make room.
   * @param {SessionRecord} record
   * @param {readonly Segment[]} segments
   */
  async save(record, segments) {
    try {
      await this.#database.put(record, segments);
    } catch (error) {
      const others = (await this.list()).filter(({ id }) => id !== record.id);
      if (!(error instanceof DOMException && error.name === "QuotaExceededError" && others.length)) throw error;
      await this.#database.delete(others.slice(others.length >> 1).map(({ id }) => id));
      await this.#database.put(record, segments);
    }
    const surplus = surplusOf(await this.list(), record.id);
    if (surplus.length) await this.#database.delete(surplus);
  }

  /**
   * Delete a session, although this tab has it open.
   * @param {string} id
   */
  delete(id) {
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
