/**
 * How quickly words come. In: what happened and when. Out: figures, each from one event to another, as the page sees
 * them. Knows no wire.
 *
 * - first text: from the first loud sound after silence to the first text after it.
 * - settled: from the last loud sound before a pause to the answer of the flush it caused.
 * - flush: from sending a flush to its answer.
 */

/** Figures are of this many latest measurements. */
const NUM_KEPT = 50;

/** Longer than this, two events do not belong together: a cough without words, a text that had been under way. */
const MAX_MS = 10_000;

/** @typedef {"firstText" | "settled" | "flush"} Figure */

export class Latency {
  /** @type {Record<Figure, number[]>} */
  #measured = { firstText: [], settled: [], flush: [] };
  /** @type {number | null} */ #startedMs = null;

  /** @param {number} atMs Speech was heard from here on. */
  speechStarted(atMs) {
    this.#startedMs = atMs;
  }

  /** @param {number} atMs Text was shown. */
  textShown(atMs) {
    if (this.#startedMs !== null) this.#add("firstText", atMs - this.#startedMs);
    this.#startedMs = null;
  }

  /**
   * @param {number} sentMs The flush was sent.
   * @param {number} answeredMs Its answer came.
   * @param {number | null} pausedMs The pause that caused it began; null where a person asked.
   */
  flushAnswered(sentMs, answeredMs, pausedMs) {
    this.#add("flush", answeredMs - sentMs);
    if (pausedMs !== null) this.#add("settled", answeredMs - pausedMs);
  }

  /** A connection broke: what was under way has no meaning any more. */
  forgetBegun() {
    this.#startedMs = null;
  }

  /**
   * @param {Figure} figure
   * @returns {number | null} The median; null where nothing has been measured.
   */
  medianMs(figure) {
    const sorted = this.#measured[figure].toSorted((a, b) => a - b);
    const middle = sorted.length >> 1;
    if (!sorted.length) return null;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /**
   * @param {Figure} figure
   * @param {number} tookMs
   */
  #add(figure, tookMs) {
    if (tookMs < 0 || tookMs > MAX_MS) return;
    this.#measured[figure].push(tookMs);
    if (this.#measured[figure].length > NUM_KEPT) this.#measured[figure].shift();
  }
}
