/**
 * Segments become subtitles. In: segments. Out: cues of at most two lines. Knows no file format.
 *
 * The protocol sends no word times, so the words of a segment are spread over it by their length.
 */

/** @import { Segment } from "./transcript.js" */

/**
 * @typedef {object} Cue
 * @property {number} startMs
 * @property {number} endMs
 * @property {string[]} lines
 */

/** @typedef {{text: string, startS: number, endS: number}} Token */

/** Maximum line length in common broadcasters' guidelines. */
export const MAX_LINE_CHARS = 42;

/** Maximum duration of a cue. */
const MAX_CUE_S = 7;

/** Minimum duration of a cue, if its neighbours leave the time: 5/6 s, Netflix' Timed Text Style Guide. */
export const MIN_CUE_MS = 833;

/** A cue must not end where it starts. */
const SHORTEST_MS = 1;

/**
 * Cues for all text, in order, none overlapping.
 * @param {readonly Segment[]} segments
 * @returns {Cue[]}
 */
export function splitCues(segments) {
  /** @type {Cue[]} */
  const cues = [];
  for (const segment of segments) {
    for (const group of groups(tokens(segment))) cues.push(cue(group, cues.at(-1)?.endMs ?? 0));
  }
  cues.forEach((_, index) => lengthen(cues, index));
  return cues;
}

/**
 * Give a short cue the pause after it, else time of the cue before or after, as far as that is not short itself.
 * @param {Cue[]} cues
 * @param {number} index
 */
function lengthen(cues, index) {
  const [previous, current, next] = [cues[index - 1], cues[index], cues[index + 1]];
  current.endMs = Math.max(current.endMs, Math.min(current.startMs + MIN_CUE_MS, next?.startMs ?? Infinity));
  if (previous && current.endMs - current.startMs < MIN_CUE_MS) {
    const earliestMs = Math.max(previous.startMs + MIN_CUE_MS, current.endMs - MIN_CUE_MS);
    current.startMs = Math.min(current.startMs, earliestMs);
    previous.endMs = Math.min(previous.endMs, current.startMs);
  }
  if (next && current.endMs - current.startMs < MIN_CUE_MS) {
    const latestMs = Math.min(next.endMs - MIN_CUE_MS, current.startMs + MIN_CUE_MS);
    next.startMs = Math.max(next.startMs, latestMs);
    current.endMs = Math.max(current.endMs, latestMs);
  }
}

/**
 * @param {Segment} segment
 * @returns {Token[]}
 */
function tokens(segment) {
  const pieces = segment.text.split(/\s+/u).filter(Boolean).flatMap(shortEnough);
  const numChars = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const lengthS = Math.max(0, segment.endS - segment.startS);
  let numDone = 0;
  return pieces.map((text) => {
    const startS = segment.startS + (lengthS * numDone) / numChars;
    numDone += text.length;
    return { text, startS, endS: segment.startS + (lengthS * numDone) / numChars };
  });
}

/**
 * A word, split if it is longer than a line, as in scripts without spaces.
 * @param {string} word
 */
function shortEnough(word) {
  const letters = [...word];
  const pieces = [];
  for (let at = 0; at < letters.length; at += MAX_LINE_CHARS) {
    pieces.push(letters.slice(at, at + MAX_LINE_CHARS).join(""));
  }
  return pieces;
}

/**
 * Groups of tokens that each fit a cue, split after a sentence or a clause if one ends late enough.
 * @param {Token[]} all
 */
function* groups(all) {
  for (let rest = all; rest.length;) {
    const numFitting = countFitting(rest);
    const numTaken = numFitting < rest.length ? goodBreak(rest.slice(0, numFitting)) : numFitting;
    yield rest.slice(0, numTaken);
    rest = rest.slice(numTaken);
  }
}

/** @param {Token[]} list */
function countFitting(list) {
  let numLines = 1;
  let numChars = list[0].text.length;
  for (let index = 1; index < list.length; index++) {
    numChars += 1 + list[index].text.length;
    if (numChars > MAX_LINE_CHARS) {
      numLines += 1;
      numChars = list[index].text.length;
    }
    if (numLines > 2 || list[index].endS - list[0].startS > MAX_CUE_S) return index;
  }
  return list.length;
}

/** @param {Token[]} list */
function goodBreak(list) {
  for (const [ends, atLeast] of /** @type {[RegExp, number][]} */ ([
    [/[.?!…。？！]$/u, Math.floor(list.length / 3)],
    [/[,;:，；：]$/u, Math.floor(list.length / 2)],
  ])) {
    for (let num = list.length; num > atLeast; num--) if (ends.test(list[num - 1].text)) return num;
  }
  return list.length;
}

/**
 * @param {Token[]} group
 * @param {number} afterMs
 * @returns {Cue}
 */
function cue(group, afterMs) {
  const startMs = Math.max(afterMs, Math.round(group[0].startS * 1000));
  const endMs = Math.max(startMs + SHORTEST_MS, Math.round(group[group.length - 1].endS * 1000));
  return { startMs, endMs: Math.min(endMs, startMs + MAX_CUE_S * 1000), lines: lines(group.map(({ text }) => text)) };
}

/**
 * One line if it fits, else the two lines of most equal length that fit.
 * @param {string[]} words
 */
function lines(words) {
  const whole = words.join(" ");
  if (whole.length <= MAX_LINE_CHARS) return [whole];
  const splits = words
    .slice(1)
    .map((_, index) => [words.slice(0, index + 1).join(" "), words.slice(index + 1).join(" ")]);
  const cost = (/** @type {string[]} */ [first, second]) => {
    const isTooLong = Math.max(first.length, second.length) > MAX_LINE_CHARS;
    return (isTooLong ? 1000 : 0) + Math.abs(first.length - second.length);
  };
  return splits.reduce((best, split) => (cost(split) < cost(best) ? split : best));
}
