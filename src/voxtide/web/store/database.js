/**
 * Sessions in the browser's database (IndexedDB). In: session records with their segments. Out: the same, after a reload
 * or a crash. Knows no page and no limits.
 *
 * Records and texts are separate, so that listing the sessions does not load their texts.
 */

/** @import { Segment } from "../text/transcript.js" */

/**
 * @typedef {object} SessionRecord
 * @property {string} id
 * @property {string} title The first words.
 * @property {number} startedMs In ms since 1970.
 * @property {number} changedMs
 * @property {number} audioS Length of the session's audio.
 * @property {number} numChars Length of its text.
 * @property {string} model "" for the server's default.
 * @property {string} language ISO 639-1, or "".
 * @property {boolean} isClosed Whether the user cleared the page, so that it is not shown again by itself.
 */

/** @typedef {{record: SessionRecord, segments: readonly Segment[]}} Kept */

const NAME = "voxtide.captions";
const SESSIONS = "sessions";
const TEXTS = "texts";

/** Timeout for opening: a database that another process has locked never answers. */
const OPEN_MS = 4_000;

export class Database {
  #connection;

  /** @param {IDBDatabase} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.onversionchange = () => connection.close(); // a newer page, or a deletion by the user
  }

  /** @returns {Promise<SessionRecord[]>} In no particular order. */
  records() {
    return answer(this.#connection.transaction(SESSIONS).objectStore(SESSIONS).getAll());
  }

  /**
   * @param {string} id
   * @returns {Promise<Kept | null>} null if there is no such session.
   */
  async read(id) {
    const transaction = this.#connection.transaction([SESSIONS, TEXTS]);
    const parts = [SESSIONS, TEXTS].map((name) => answer(transaction.objectStore(name).get(id)));
    const [record, text] = await Promise.all(parts);
    return record ? { record, segments: text?.segments ?? [] } : null;
  }

  /**
   * @param {string} id
   * @returns {Promise<Segment[]>} Empty if there is no such session.
   */
  async segments(id) {
    const text = await answer(this.#connection.transaction(TEXTS).objectStore(TEXTS).get(id));
    return text?.segments ?? [];
  }

  /**
   * Add or replace a session. The transaction begins before this returns, and transactions keep their order.
   * @param {SessionRecord} record
   * @param {readonly Segment[]} segments
   */
  put(record, segments) {
    return this.#write((records, texts) => {
      records.put(record);
      texts.put({ id: record.id, segments });
    });
  }

  /** @param {readonly string[]} ids */
  delete(ids) {
    return this.#write((records, texts) => {
      for (const id of ids) {
        records.delete(id);
        texts.delete(id);
      }
    });
  }

  close() {
    this.#connection.close();
  }

  /**
   * @param {(records: IDBObjectStore, texts: IDBObjectStore) => void} change
   * @returns {Promise<void>}
   */
  #write(change) {
    return new Promise((resolve, reject) => {
      const transaction = this.#connection.transaction([SESSIONS, TEXTS], "readwrite");
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      change(transaction.objectStore(SESSIONS), transaction.objectStore(TEXTS));
      transaction.commit(); // a page that is being closed runs no more code to complete it
    });
  }
}

/**
 * @param {string} name
 * @returns {Promise<Database>} Rejects if the browser keeps no data for this page, as in some private windows.
 */
export async function openDatabase(name = NAME) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const store of [SESSIONS, TEXTS]) request.result.createObjectStore(store, { keyPath: "id" });
  };
  const timeout = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), OPEN_MS));
  return new Database(await Promise.race([answer(request), timeout]));
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
