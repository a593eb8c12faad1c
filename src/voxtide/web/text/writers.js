/** Document writers. In: segments. Out: the text of a txt, srt, vtt or json file. */

/** @import { Cue } from "./cues.js" */
/** @import { Segment } from "./transcript.js" */

import { splitCues } from "./cues.js";
import { paragraphs } from "./paragraphs.js";
import { plainText } from "./search.js";
import { joined } from "./transcript.js";

/**
 * Paragraphs separated by empty lines.
 * @param {readonly Segment[]} segments
 */
export function toTxt(segments) {
  const blocks = paragraphs(segments).map((paragraph) => joined(paragraph).trim());
  return blocks.length ? `${blocks.join("\n\n")}\n` : "";
}

/**
 * SubRip: numbered cues, times with a comma.
 * @param {readonly Segment[]} segments
 */
export function toSrt(segments) {
  return splitCues(segments)
    .map((cue, index) => [index + 1, times(cue, ","), ...cue.lines, ""].join("\n"))
    .join("\n");
}

/**
 * WebVTT: a header, then cues with escaped text.
 * @param {readonly Segment[]} segments
 */
export function toVtt(segments) {
  const escaped = (/** @type {string} */ line) =>
    line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const cues = splitCues(segments).map((cue) => [times(cue, "."), ...cue.lines.map(escaped), ""].join("\n"));
  return ["WEBVTT\n", ...cues].join("\n");
}

/**
 * One JSON object, as `voxtide transcribe` writes it, without words.
 * @param {readonly Segment[]} segments
 * @param {{language: string, audioS: number}} facts
 */
export function toJson(segments, { language, audioS }) {
  const rounded = (/** @type {number} */ timeS) => Math.round(timeS * 1000) / 1000;
  const document = {
    text: plainText(segments),
    language: language || null,
    audio_s: rounded(audioS),
    segments: segments.map(({ text, startS, endS }) => ({ text, start_s: rounded(startS), end_s: rounded(endS) })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * @param {Cue} cue
 * @param {string} mark The decimal mark.
 */
function times({ startMs, endMs }, mark) {
  return `${timestamp(startMs, mark)} --> ${timestamp(endMs, mark)}`;
}

/**
 * @param {number} timeMs
 * @param {string} mark
 */
function timestamp(timeMs, mark) {
  const padded = (/** @type {number} */ number, digits = 2) => String(number).padStart(digits, "0");
  const seconds = Math.floor(timeMs / 1000);
  const hours = padded(Math.floor(seconds / 3600));
  return `${hours}:${padded(Math.floor(seconds / 60) % 60)}:${padded(seconds % 60)}${mark}${padded(timeMs % 1000, 3)}`;
}

/**
 * A time for people: 0:05, 12:34, 1:02:03.
 * @param {number} timeS
 */
export function shortTime(timeS) {
  const seconds = Math.floor(timeS);
  const minutes = Math.floor(seconds / 60);
  const paddedSeconds = String(seconds % 60).padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${paddedSeconds}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${paddedSeconds}`;
}
