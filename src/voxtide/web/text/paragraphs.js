/** Splits segments into paragraphs. In: segments in order. Out: paragraph breaks, for the page and text files. */

/** @import { Segment } from "./transcript.js" */

/** A pause that starts a new paragraph. */
const BREAK_S = 2;

/** A longer paragraph ends with its next sentence. */
const LONG_CHARS = 420;

/**
 * Whether `segment` starts a paragraph after one of `numChars` characters that ends with `before`.
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
