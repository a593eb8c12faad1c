/**
 * The text so far. In: deltas, interim text, segments and answers to flushes, in the order received. Out: final segments
 * and pending text that may still change. Knows no protocol and no page.
 *
 * The answer to a flush acknowledges the text before it and makes it final. After a lost connection the next one replays
 * the unacknowledged text, so until then it counts as interim.
 */

/**
 * @typedef {object} Segment
 * @property {string} text
 * @property {number} startS In seconds of all audio since the page was cleared.
 * @property {number} endS
 * @property {boolean} [isNewSource] Whether a recording begins here.
 * @property {boolean} [isGlued] Whether no space precedes it: after a flush within a word, or in scripts without spaces.
 */

export class Transcript {
  /** @type {Segment[]} */ #final = [];
  /** @type {Segment[]} */ #complete = []; // segments that are not acknowledged yet
  #open = ""; // stable text of the segment in progress
  #interim = "";
  #openStartS = 0; // approximate start of the open text
  #openEndS = 0; // end of the audio that the open text covers
  #interimEndS = 0; // the same of the interim text
  #speechStartS = 0; // of the latest speech
  #isNewSource = false;
  #isFirst = true; // whether the connection has sent no text: its first text lacks the leading space

  /** Increases when final segments are removed or replaced, so that views redraw. */
  epoch = 0;

  /** Increases with every change of the text. */
  revision = 0;

  /** Segments that never change; within an epoch only appended to. */
  get final() {
    return /** @type {readonly Segment[]} */ (this.#final);
  }

  /** Stable text after the final segments, and its start. */
  get pending() {
    const [first] = this.#complete;
    const text = joined(this.#complete) + this.#open;
    const startS = first?.startS ?? this.#openStartS;
    const endS = Math.max(startS, this.#openEndS);
    return { text, startS, endS, isNewSource: first?.isNewSource ?? this.#isNewSource };
  }

  /** Text after the pending text that may still change. */
  get interim() {
    return this.#interim;
  }

  get isEmpty() {
    return !this.#final.length && !this.hasPending;
  }

  /** Whether there is text that is not final. */
  get hasPending() {
    return Boolean(this.#complete.length || this.#open.trim() || this.#interim.trim());
  }

  /** All stable text, for a file. */
  get segments() {
    return [...this.#final, ...this.#complete, ...this.#unfinished(this.#open, this.#openEndS)];
  }

  /** All text as shown, with the text that may still change: what is stored in case no more follows. */
  get shown() {
    const endS = Math.max(this.#openEndS, this.#interim.trim() ? this.#interimEndS : 0);
    return [...this.#final, ...this.#complete, ...this.#unfinished(this.#open + this.#interim, endS)];
  }

  /** The next text belongs to another recording. */
  beginSource() {
    this.#isNewSource = true;
    this.#isFirst = true;
  }

  /** @param {number} startS Where speech starts; the next text starts there. */
  speechStarted(startS) {
    this.#speechStartS = startS;
  }

  /**
   * Append stable text. It replaces the interim text; the server sends the rest of that right after.
   * @param {string} text
   * @param {number} endS End of the audio that it covers.
   */
  addDelta(text, endS = 0) {
    this.#begin();
    this.#open += this.#spaced(text);
    this.#openEndS = Math.max(this.#openEndS, endS);
    this.#interim = "";
    this.#isFirst = false;
  }

  /**
   * @param {string} text Replaces the previous interim text.
   * @param {number} endS End of the audio that it covers.
   */
  setInterim(text, endS = 0) {
    this.#begin();
    this.#interim = this.#spaced(text);
    this.#interimEndS = endS;
  }

  /**
   * Complete a segment whose text has arrived in deltas.
   * @param {Segment} segment
   */
  addSegment(segment) {
    const rest = withoutPrefix(this.#open, segment.text);
    if (rest === null) return; // does not match the deltas; the answer to the flush decides
    this.#addComplete(segment.text, segment.startS, segment.endS, this.#isOpenGlued);
    this.#open = rest;
    this.#openStartS = this.#lastEndS;
    this.revision++;
  }

  /**
   * The answer to a flush.
   * @param {string} text All text since the previous answer; it overrides deltas that differ.
   * @param {readonly Segment[]} segments The same with times, if known.
   * @param {number} startS Position of the previous flush.
   * @param {number} endS Position of this flush.
   */
  finalize(text, segments, startS, endS) {
    const isText = (/** @type {string} */ other) => normalized(other) === normalized(text);
    const isGlued = this.#complete[0]?.isGlued ?? this.#isOpenGlued;
    if (!this.#complete.length && segments.length && isText(joined(segments))) {
      const [first, ...others] = segments;
      this.#addComplete(first.text, first.startS, first.endS, isGlued);
      for (const segment of others) this.#addComplete(segment.text, segment.startS, segment.endS);
    } else if (this.#complete.length && this.#open.trim() && isText(this.pending.text)) {
      this.#addComplete(this.#open, this.#lastEndS, endS, this.#isOpenGlued);
    } else if (!isText(joined(this.#complete))) {
      this.#complete = [];
      const textStartS = Math.max(startS, this.#open.trim() ? this.#openStartS : startS);
      if (text.trim()) this.#addComplete(text, textStartS, endS, isGlued);
    }
    this.#final.push(...this.#complete);
    this.#clearPending();
  }

  /** The connection was lost: show the pending text as interim until it is replayed. */
  restart() {
    const { text, startS, endS } = this.pending;
    this.#interim = text + this.#interim;
    this.#openStartS = startS;
    this.#interimEndS = Math.max(this.#interimEndS, endS, this.#lastEndS);
    this.#openEndS = startS;
    this.revision++;
    this.#complete = [];
    this.#open = "";
    this.#isFirst = true;
  }

  /** No answer will follow: make the pending text final as it is. */
  abandon() {
    const hadPending = this.hasPending;
    this.#final = this.shown;
    if (hadPending) this.#isNewSource = false;
    this.#clearPending();
  }

  clear() {
    this.load([]);
  }

  /** @param {readonly Segment[]} segments Replace all text. */
  load(segments) {
    this.#final = [...segments];
    this.#speechStartS = 0;
    this.#clearPending();
    this.epoch++;
  }

  #begin() {
    this.revision++;
    if (this.#open.trim() || this.#interim.trim()) return;
    this.#openStartS = this.#openEndS = Math.max(this.#lastEndS, this.#speechStartS);
  }

  get #lastEndS() {
    return (this.#complete.at(-1) ?? this.#final.at(-1))?.endS ?? 0;
  }

  #clearPending() {
    this.#complete = [];
    this.#open = "";
    this.#interim = "";
    this.revision++;
  }

  /** Whether no space precedes the open text. */
  get #isOpenGlued() {
    return /^\S/u.test(this.#open);
  }

  /**
   * Text whose segment has not ended: a segment, or none without text.
   * @param {string} text
   * @param {number} endS
   */
  #unfinished(text, endS) {
    const startS = Math.max(this.#lastEndS, this.#openStartS);
    return text.trim() ? [this.#segment(text.trim(), startS, endS, /^\S/u.test(text))] : [];
  }

  /** @param {string} text */
  #spaced(text) {
    return this.#isFirst && /^\S/u.test(text) ? ` ${text}` : text;
  }

  /**
   * @param {string} text
   * @param {number} startS
   * @param {number} endS
   */
  #addComplete(text, startS, endS, isGlued = false) {
    this.#complete.push(this.#segment(text.trim(), startS, endS, isGlued));
    this.#isNewSource = false;
  }

  /**
   * @param {string} text
   * @param {number} startS
   * @param {number} endS
   * @param {boolean} isGlued
   * @returns {Segment}
   */
  #segment(text, startS, endS, isGlued) {
    return { text, startS, endS: Math.max(startS, endS), isNewSource: this.#isNewSource, isGlued };
  }
}

/**
 * The rest of `text` after `prefix`, ignoring white space; null if `text` does not start with it.
 * @param {string} text
 * @param {string} prefix
 */
export function withoutPrefix(text, prefix) {
  let at = 0;
  for (const letter of prefix.replace(/\s+/gu, "")) {
    while (/\s/u.test(text[at] ?? "")) at++;
    if (!text.startsWith(letter, at)) return null;
    at += letter.length;
  }
  return text.slice(at);
}

/**
 * The text of segments, each preceded by a space unless it is glued.
 * @param {readonly Segment[]} segments
 */
export function joined(segments) {
  return segments.map(({ text, isGlued }) => (isGlued ? text : ` ${text}`)).join("");
}

/** @param {string} text */
function normalized(text) {
  return text.replace(/\s+/gu, " ").trim();
}
