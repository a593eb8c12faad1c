/**
 * Edited text becomes segments again. In: segments, their text after an edit. Out: segments; those without an edit keep
 * their text and times, the others their times. Knows no page.
 *
 * old words -> difference (Myers) -> each new word belongs to a segment
 */

/** @import { Segment } from "./transcript.js" */

import { joined } from "./transcript.js";

/** A text that differs more is replaced as a whole: the comparison needs the square of this as memory, 4 MB. */
const MAX_EDITS = 1000;

/** Words, and single characters of the scripts that put no spaces between words. */
const TOKENS =
  /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]|[^\s\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]+/gu;

/** @typedef {{text: string, start: number, hasSpace: boolean}} Token `hasSpace`: white space precedes it. */

/**
 * @param {readonly Segment[]} segments
 * @param {string} text Their text after an edit, by paragraphs or not.
 * @returns {Segment[]}
 */
export function edited(segments, text) {
  const { tokens, segmentOf, tied } = tokensOf(segments);
  const added = tokenised(text);
  const { owners, touched } = owned(tokens, added, segmentOf);
  for (let at = 1; at < segments.length; at++) if (tied[at] && touched.has(at - 1)) touched.add(at);
  for (let at = segments.length - 1; at; at--) if (tied[at] && touched.has(at)) touched.add(at - 1);
  /** @type {Token[][]} */
  const ownedBy = segments.map(() => []);
  owners.forEach((owner, at) => ownedBy[owner].push(added[at]));
  let isNewSource = false; // of a segment without words
  return segments.flatMap((segment, index) => {
    const own = ownedBy[index];
    const isKept = !touched.has(index) || own.length > 0;
    const begins = Boolean(segment.isNewSource) || isNewSource;
    isNewSource = isKept ? false : begins;
    if (!isKept) return [];
    if (!touched.has(index)) return [{ ...segment, isNewSource: begins }];
    const isGlued = own[0] === added[0] ? segment.isGlued : !own[0].hasSpace;
    return [{ ...segment, text: textOf(own), isNewSource: begins, isGlued }];
  });
}

/** @param {string} text */
function tokenised(text) {
  let end = 0;
  return [...text.matchAll(TOKENS)].map(({ 0: token, index }) => {
    const hasSpace = index > end;
    end = index + token.length;
    return { text: token, start: index, hasSpace };
  });
}

/**
 * The tokens of segments. A token belongs to the segment that it begins in; a segment that begins within a token is tied
 * to the one before.
 * @param {readonly Segment[]} segments
 */
function tokensOf(segments) {
  const tokens = tokenised(joined(segments));
  let length = 0;
  const starts = segments.map((segment) => {
    const start = length;
    length += joined([segment]).length;
    return start;
  });
  const tokenStarts = new Set(tokens.map(({ start }) => start));
  /** @type {number[]} */
  const segmentOf = [];
  let current = 0;
  for (const { start } of tokens) {
    while (current + 1 < starts.length && starts[current + 1] <= start) current++;
    segmentOf.push(current);
  }
  const tied = segments.map(({ isGlued }, index) => Boolean(isGlued) && !tokenStarts.has(starts[index]));
  return { tokens, segmentOf, tied };
}

/**
 * The segment of each new token, and the segments with an edit. Words that replace others take their segments, spread
 * evenly; inserted words belong to the segment before.
 * @param {readonly Token[]} tokens
 * @param {readonly Token[]} added
 * @param {readonly number[]} segmentOf
 */
function owned(tokens, added, segmentOf) {
  /** @type {number[]} */
  const owners = [];
  /** @type {Set<number>} */
  const touched = new Set();
  let [at, addedAt] = [0, 0];
  for (const [next, addedNext] of [...common(tokens, added), [tokens.length, added.length]]) {
    const [num, numAdded] = [next - at, addedNext - addedAt];
    for (let n = 0; n < num; n++) touched.add(segmentOf[at + n]);
    for (let n = 0; n < numAdded; n++) {
      const owner = segmentOf[num ? at + Math.floor((n * num) / numAdded) : Math.max(0, at - 1)];
      owners.push(owner);
      touched.add(owner);
    }
    if (next < tokens.length) owners.push(segmentOf[next]);
    [at, addedAt] = [next + 1, addedNext + 1];
  }
  return { owners, touched };
}

/**
 * Pairs of equal tokens, in order.
 * @param {readonly Token[]} a
 * @param {readonly Token[]} b
 * @returns {[number, number][]}
 */
function common(a, b) {
  const isSame = (/** @type {number} */ x, /** @type {number} */ y) => a[x].text === b[y].text;
  let [start, endA, endB] = [0, a.length, b.length];
  while (start < endA && start < endB && isSame(start, start)) start++;
  while (endA > start && endB > start && isSame(endA - 1, endB - 1)) [endA, endB] = [endA - 1, endB - 1];
  const pairs = longest(endA - start, endB - start, (x, y) => isSame(start + x, start + y));
  const range = (/** @type {number} */ length) => Array.from({ length }, (_, n) => n);
  return [
    ...range(start).map((n) => /** @type {[number, number]} */ ([n, n])),
    ...pairs.map(([x, y]) => /** @type {[number, number]} */ ([start + x, start + y])),
    ...range(a.length - endA).map((n) => /** @type {[number, number]} */ ([endA + n, endB + n])),
  ];
}

/**
 * The longest common subsequence of two lists (E. Myers, An O(ND) Difference Algorithm, 1986); empty beyond `MAX_EDITS`.
 * @param {number} numA
 * @param {number} numB
 * @param {(x: number, y: number) => boolean} isSame
 * @returns {[number, number][]}
 */
function longest(numA, numB, isSame) {
  const max = Math.min(numA + numB, MAX_EDITS);
  const zero = max + 1;
  const furthest = new Int32Array(2 * max + 3); // x by diagonal x - y
  const trace = [];
  for (let num = 0; num <= max; num++) {
    trace.push(furthest.slice(zero - num - 1, zero + num + 2));
    for (let k = -num; k <= num; k += 2) {
      const isDown = k === -num || (k !== num && furthest[zero + k - 1] < furthest[zero + k + 1]);
      let x = isDown ? furthest[zero + k + 1] : furthest[zero + k - 1] + 1;
      while (x < numA && x - k < numB && isSame(x, x - k)) x++;
      furthest[zero + k] = x;
      if (x >= numA && x - k >= numB) return tracedBack(trace, numA, numB);
    }
  }
  return [];
}

/**
 * @param {Int32Array[]} trace
 * @param {number} x
 * @param {number} y
 */
function tracedBack(trace, x, y) {
  /** @type {[number, number][]} */
  const pairs = [];
  for (let num = trace.length - 1; num >= 0; num--) {
    const before = (/** @type {number} */ k) => trace[num][k + num + 1];
    const k = x - y;
    const isDown = k === -num || (k !== num && before(k - 1) < before(k + 1));
    const previousX = before(isDown ? k + 1 : k - 1);
    const previousY = previousX - (isDown ? k + 1 : k - 1);
    while (x > previousX && y > Math.max(0, previousY)) pairs.push([--x, --y]);
    [x, y] = [previousX, previousY];
  }
  return pairs.reverse();
}

/** @param {readonly Token[]} tokens */
function textOf(tokens) {
  return tokens.map(({ text, hasSpace }, index) => (index && hasSpace ? ` ${text}` : text)).join("");
}
