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
 */

export class Transcript {
  /** @type {Segment[]} */ #settled = [];
  /** @type {Segment[]} */ #told = []; // complete, but not settled
  #open = ""; // stable, of no complete segment yet
  #interim = "";
  #openedS = 0; // where the open text began, as near as is known
  #speechS = 0; // where speech was last heard to begin
  #isNewSource = false;

  /** Grows whenever settled segments are taken away, so that a view knows when to draw anew. */
  epoch = 0;

  /** Segments that never change; only ever appended to within an epoch. */
  get settled() {
    return /** @type {readonly Segment[]} */ (this.#settled);
  }

  /** Stable text after the settled segments, with where it begins. */
  get tail() {
    const [first] = this.#told;
    const text = joined([...this.#told.map((segment) => segment.text), this.#open]);
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
    const last = open ? [this.#segment(open, this.#openedS, this.#openedS)] : [];
    return [...this.#settled, ...this.#told, ...last];
  }

  /** The next text is of another recording. */
  beginSource() {
    this.#isNewSource = true;
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
    this.#open += text;
    this.#interim = "";
  }

  /** @param {string} text It replaces the interim text before it. */
  setInterim(text) {
    this.#begin();
    this.#interim = text;
  }

  /**
   * A stretch is complete; its text has been told by deltas.
   * @param {Segment} segment
   */
  addSegment(segment) {
    const rest = withoutPrefix(this.#open, segment.text);
    if (rest === null) return; // not ours to place; the answer to the flush will tell
    this.#open = rest;
    this.#tell(segment.text, segment.startS, segment.endS);
  }

  /**
   * A flush was answered.
   * @param {string} text All that became final since the one before: what counts, whatever was told.
   * @param {readonly Segment[]} segments The same with times, where the answer has them.
   * @param {number} startS Where the flush before it lay.
   * @param {number} endS Where this one lies.
   */
  settle(text, segments, startS, endS) {
    const isSame = (/** @type {readonly Segment[]} */ list) =>
      spaced(joined(list.map((segment) => segment.text))) === spaced(text);
    if (segments.length && isSame(segments) && !this.#told.length) {
      for (const segment of segments) this.#tell(segment.text, segment.startS, segment.endS);
    } else if (this.#told.length && this.#open.trim() && spaced(this.tail.text) === spaced(text)) {
      this.#tell(this.#open, this.#lastEndS, endS);
    } else if (!isSame(this.#told)) {
      this.#told = [];
      if (text.trim()) this.#tell(text, Math.max(startS, this.#open.trim() ? this.#openedS : startS), endS);
    }
    this.#settled.push(...this.#told);
    this.#forgetTail();
  }

  /** The connection broke: what is not settled will be told again. Until it is, it stays to be seen. */
  restart() {
    this.#interim = joined([this.tail.text, this.#interim]);
    this.#told = [];
    this.#open = "";
  }

  /** Nothing more comes for what is not settled: let it stand as it was seen. */
  abandon() {
    const text = joined([this.#open, this.#interim]).trim();
    if (text) this.#tell(text, Math.max(this.#lastEndS, this.#openedS), Math.max(this.#lastEndS, this.#openedS));
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

  /**
   * @param {string} text
   * @param {number} startS
   * @param {number} endS
   */
  #tell(text, startS, endS) {
    this.#told.push(this.#segment(text.trim(), startS, endS));
    this.#isNewSource = false;
  }

  /**
   * @param {string} text
   * @param {number} startS
   * @param {number} endS
   * @returns {Segment}
   */
  #segment(text, startS, endS) {
    return { text, startS, endS: Math.max(startS, endS), isNewSource: this.#isNewSource };
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
 * Pieces of text with a space between those that have none.
 * @param {readonly string[]} pieces
 */
export function joined(pieces) {
  return pieces
    .filter((piece) => piece.trim())
    .reduce(
      (text, piece) => (!text || /\s$/u.test(text) || /^\s/u.test(piece) ? text + piece : `${text} ${piece}`),
      "",
    );
}

/** @param {string} text */
function spaced(text) {
  return text.replace(/\s+/gu, " ").trim();
}
