/** Segments become paragraphs. In: segments in order. Out: where to break, for the page and for text files. */

/** @import { Segment } from "./transcript.js" */

/** A pause after which a new thought begins. */
const BREAK_S = 2;

/** A paragraph this long ends with its next sentence. */
const LONG_CHARS = 420;

/**
 * Whether `segment` begins a paragraph after one that ends with `before` and holds `numChars`.
 * @param {Segment | undefined} before
 * @param {number} numChars
 * @param {Segment} segment
 */
export function isParagraphStart(before, numChars, segment) {
  if (!before || segment.isNewSource) return true;
  const isLong = numChars > LONG_CHARS && /[.?!…。？！]["'”’)»]*$/u.test(before.text);
  return isLong || segment.startS - before.endS > BREAK_S;
}

/**
 * @param {readonly Segment[]} segments
 * @returns {Segment[][]}
 */
export function paragraphs(segments) {
  /** @type {Segment[][]} */
  const found = [];
  let numChars = 0;
  segments.forEach((segment, index) => {
    if (isParagraphStart(segments[index - 1], numChars, segment)) {
      found.push([]);
      numChars = 0;
    }
    found[found.length - 1].push(segment);
    numChars += segment.text.length;
  });
  return found;
}
