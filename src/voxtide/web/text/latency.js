/**
 * Latency of the text. In: events and their times. Out: medians, as measured in the page. Knows no protocol.
 *
 * - firstText: from the first loud sound after silence to the first text after it.
 * - pauseToFinal: from the last loud sound before a pause to the answer of the flush that the pause caused.
 * - flush: from sending a flush to its answer.
 */

/** Number of latest measurements in a median. */
const NUM_KEPT = 50;

/** Above this, two events do not belong together: a cough without words, text of earlier speech. */
const MAX_MS = 10_000;

/** @typedef {"firstText" | "pauseToFinal" | "flush"} Metric */

export class Latency {
  /** @type {Record<Metric, number[]>} */
  #measuredMs = { firstText: [], pauseToFinal: [], flush: [] };
  /** @type {number | null} */ #speechStartMs = null;

  /** @param {number} atMs When speech started. */
  speechStarted(atMs) {
    this.#speechStartMs = atMs;
  }

  /** @param {number} atMs When text was shown. */
  textShown(atMs) {
    if (this.#speechStartMs !== null) this.#add("firstText", atMs - this.#speechStartMs);
    this.#speechStartMs = null;
  }

  /**
   * @param {number} sentMs When the flush was sent.
   * @param {number} answeredMs When its answer arrived.
   * @param {number | null} pausedMs When the pause that caused it began; null if the user requested it.
   */
  flushAnswered(sentMs, answeredMs, pausedMs) {
    this.#add("flush", answeredMs - sentMs);
    if (pausedMs !== null) this.#add("pauseToFinal", answeredMs - pausedMs);
  }

  /** Discard the measurement in progress, after a lost connection. */
  discardPending() {
    this.#speechStartMs = null;
  }

  /**
   * @param {Metric} metric
   * @returns {number | null} The median; null without measurements.
   */
  medianMs(metric) {
    const sorted = this.#measuredMs[metric].toSorted((a, b) => a - b);
    const middle = sorted.length >> 1;
    if (!sorted.length) return null;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /**
   * @param {Metric} metric
   * @param {number} tookMs
   */
  #add(metric, tookMs) {
    if (tookMs < 0 || tookMs > MAX_MS) return;
    this.#measuredMs[metric].push(tookMs);
    if (this.#measuredMs[metric].length > NUM_KEPT) this.#measuredMs[metric].shift();
  }
}
