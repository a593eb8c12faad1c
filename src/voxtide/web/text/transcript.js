/**
 * What was said, so far. In: deltas, interim text, segments and answers to flushes, in the order of the wire. Out:
 * segments that stand, and a tail that may still change. Knows no wire and no page.
 *
 * Text becomes settled when a flush is answered: only then may the audio it came from be forgotten. What is told but
 * not settled when a connection breaks is told again by the next one, so until then it counts as interim.
 */

/**
 * @typedef {object} Segment
 * @property {string} text
 * @property {number} startS Seconds of all audio heard since the page was cleared.
 * @property {number} endS
 * @property {boolean} [isNewSource] Whether a recording begins here.
 * @property {boolean} [isGlued] Whether it goes on without a space, as after a flush in the middle of a word, and in
 *   scripts that write none.
 */

export class Transcript {
  /** @type {Segment[]} */ #settled = [];
  /** @type {Segment[]} */ #told = []; // complete, but not settled
  #open = ""; // stable, of no complete segment yet
  #interim = "";
  #openedS = 0; // where the open text began, as near as is known
  #speechS = 0; // where speech was last heard to begin
  #isNewSource = false;
  #isFirst = true; // no text has come over this connection: the first does not begin with the space that it needs

  /** Grows whenever settled segments are taken away, so that a view knows when to draw anew. */
  epoch = 0;

  /** Segments that never change; only ever appended to within an epoch. */
  get settled() {
    return /** @type {readonly Segment[]} */ (this.#settled);
  }

  /** Stable text after the settled segments, with where it begins. */
  get tail() {
    const [first] = this.#told;
    const text = joined(this.#told) + this.#open;
    const startS = first?.startS ?? this.#openedS;
    return { text, startS, endS: startS, isNewSource: first?.isNewSource ?? this.#isNewSource };
  }

  /** How the text goes on for now. */
  get interim() {
    return this.#interim;
  }

  get isEmpty() {
    return !this.#settled.length && !this.hasTail;
  }

  /** Whether there is text that is not settled. */
  get hasTail() {
    return Boolean(this.#told.length || this.#open.trim() || this.#interim.trim());
  }

  /** All that stands, for a file: settled or not, but nothing interim. */
  get segments() {
    const open = this.#open.trim();
    const last = open ? [this.#segment(open, this.#openedS, this.#openedS, this.#isOpenGlued)] : [];
    return [...this.#settled, ...this.#told, ...last];
  }

  /** The next text is of another recording. */
  beginSource() {
    this.#isNewSource = true;
    this.#isFirst = true;
  }

  /** @param {number} placeS Speech begins here, and with it the text that comes next. */
  speechStarted(placeS) {
    this.#speechS = placeS;
  }

  /**
   * Stable text goes on. What was interim is judged anew: the wire tells what is left of it right after.
   * @param {string} text
   */
  addDelta(text) {
    this.#begin();
    this.#open += this.#spaced(text);
    this.#interim = "";
    this.#isFirst = false;
  }

  /** @param {string} text It replaces the interim text before it. */
  setInterim(text) {
    this.#begin();
    this.#interim = this.#spaced(text);
  }

  /**
   * A stretch is complete; its text has been told by deltas.
   * @param {Segment} segment
   */
  addSegment(segment) {
    const rest = withoutPrefix(this.#open, segment.text);
    if (rest === null) return; // not ours to place; the answer to the flush will tell
    this.#tell(segment.text, segment.startS, segment.endS, this.#isOpenGlued);
    this.#open = rest;
  }

  /**
   * A flush was answered.
   * @param {string} text All that became final since the one before: what counts, whatever was told.
   * @param {readonly Segment[]} segments The same with times, where the answer has them.
   * @param {number} startS Where the flush before it lay.
   * @param {number} endS Where this one lies.
   */
  settle(text, segments, startS, endS) {
    const isText = (/** @type {string} */ told) => plain(told) === plain(text);
    const isGlued = this.#told[0]?.isGlued ?? this.#isOpenGlued;
    if (!this.#told.length && segments.length && isText(joined(segments))) {
      const [first, ...others] = segments;
      this.#tell(first.text, first.startS, first.endS, isGlued);
      for (const segment of others) this.#tell(segment.text, segment.startS, segment.endS);
    } else if (this.#told.length && this.#open.trim() && isText(this.tail.text)) {
      this.#tell(this.#open, this.#lastEndS, endS, this.#isOpenGlued);
    } else if (!isText(joined(this.#told))) {
      this.#told = [];
      const placeS = Math.max(startS, this.#open.trim() ? this.#openedS : startS);
      if (text.trim()) this.#tell(text, placeS, endS, isGlued);
    }
    this.#settled.push(...this.#told);
    this.#forgetTail();
  }

  /** The connection broke: what is not settled will be told again. Until it is, it stays to be seen. */
  restart() {
    this.#interim = this.tail.text + this.#interim;
    this.#told = [];
    this.#open = "";
    this.#isFirst = true;
  }

  /** Nothing more comes for what is not settled: let it stand as it was seen. */
  abandon() {
    const text = this.#open + this.#interim;
    const placeS = Math.max(this.#lastEndS, this.#openedS);
    if (text.trim()) this.#tell(text, placeS, placeS, !/^\s/u.test(text));
    this.#settled.push(...this.#told);
    this.#forgetTail();
  }

  clear() {
    this.#settled = [];
    this.#speechS = 0;
    this.#forgetTail();
    this.epoch++;
  }

  #begin() {
    if (!this.#open.trim() && !this.#interim.trim()) this.#openedS = Math.max(this.#lastEndS, this.#speechS);
  }

  get #lastEndS() {
    return (this.#told.at(-1) ?? this.#settled.at(-1))?.endS ?? 0;
  }

  #forgetTail() {
    this.#told = [];
    this.#open = "";
    this.#interim = "";
  }

  /** Whether the open text goes on without a space. */
  get #isOpenGlued() {
    return /^\S/u.test(this.#open);
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
  #tell(text, startS, endS, isGlued = false) {
    this.#told.push(this.#segment(text.trim(), startS, endS, isGlued));
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
 * What follows `prefix` in `text`, whatever their white space; null where `text` begins otherwise.
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
 * The text of segments, beginning with a space unless it is glued to what comes before.
 * @param {readonly Segment[]} segments
 */
export function joined(segments) {
  return segments.map(({ text, isGlued }) => (isGlued ? text : ` ${text}`)).join("");
}

/** @param {string} text */
function plain(text) {
  return text.replace(/\s+/gu, " ").trim();
}
