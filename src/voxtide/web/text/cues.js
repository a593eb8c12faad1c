/**
 * Segments become subtitles. In: segments. Out: cues of at most two lines. Knows no file format.
 *
 * The rules are those of `voxtide transcribe` for segments without word times, which the protocol does not send: the
 * words of a segment are spread over it by their length. As times are estimates, a cue that is too short to read also
 * takes time of its neighbours.
 */

/** @import { Segment } from "./transcript.js" */

import { chopped, numColumns } from "./columns.js";

/**
 * @typedef {object} Cue
 * @property {number} startMs
 * @property {number} endMs
 * @property {string[]} lines
 */

/**
 * An unbreakable piece of a line.
 * @typedef {object} Token
 * @property {string} text
 * @property {number} startS
 * @property {number} endS
 * @property {boolean} hasSpace Whether a space precedes it.
 */

/** Maximum width of a line in common broadcasters' guidelines; a Chinese, Japanese or Korean character takes two. */
export const LINE_COLUMNS = 42;

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
    for (const group of groups(tokens(segment).flatMap(wrapped))) cues.push(cue(group, cues.at(-1)?.endMs ?? 0));
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
 * The segment's words, with times proportional to their characters.
 * @param {Segment} segment
 * @returns {Token[]}
 */
function tokens(segment) {
  const texts = segment.text.split(/\s+/u).filter(Boolean);
  const lengths = texts.map((text) => [...text].length);
  const numChars = lengths.reduce((sum, length) => sum + length, 0);
  const lengthS = Math.max(0, segment.endS - segment.startS);
  let numDone = 0;
  return texts.map((text, index) => {
    const startS = segment.startS + (lengthS * numDone) / numChars;
    numDone += lengths[index];
    return { text, startS, endS: segment.startS + (lengthS * numDone) / numChars, hasSpace: true };
  });
}

/**
 * The token, split if it is longer than a line, as in scripts without spaces.
 * @param {Token} token
 * @returns {Token[]}
 */
function wrapped(token) {
  if (numColumns(token.text) <= LINE_COLUMNS) return [token];
  const pieces = chopped(token.text, LINE_COLUMNS);
  const stepS = (token.endS - token.startS) / pieces.length;
  return pieces.map((text, index) => {
    const startS = token.startS + index * stepS;
    return { text, startS, endS: startS + stepS, hasSpace: token.hasSpace && index === 0 };
  });
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
  let numUsed = numColumns(list[0].text);
  for (let index = 1; index < list.length; index++) {
    const width = numColumns(list[index].text);
    numUsed += Number(list[index].hasSpace) + width;
    if (numUsed > LINE_COLUMNS) {
      numLines += 1;
      numUsed = width;
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
  return { startMs, endMs: Math.min(endMs, startMs + MAX_CUE_S * 1000), lines: lines(group) };
}

/**
 * One line if it fits, else the two lines of most equal width that fit: the squares of their widths have the least sum.
 * @param {Token[]} group
 */
function lines(group) {
  const whole = joined(group);
  if (numColumns(whole) <= LINE_COLUMNS) return [whole];
  const splits = group.slice(1).map((_, index) => [joined(group.slice(0, index + 1)), joined(group.slice(index + 1))]);
  const cost = (/** @type {string[]} */ split) => {
    const widths = split.map(numColumns);
    return Math.max(...widths) > LINE_COLUMNS ? Infinity : widths.reduce((sum, width) => sum + width ** 2, 0);
  };
  return splits.reduce((best, split) => (cost(split) < cost(best) ? split : best));
}

/** @param {Token[]} group */
function joined(group) {
  return group.map(({ text, hasSpace }) => (hasSpace ? " " : "") + text).join("").trimStart();
}
