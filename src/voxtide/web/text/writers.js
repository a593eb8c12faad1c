/** Document writers. In: segments. Out: the text of a txt or srt file. */

/** @import { Segment } from "./transcript.js" */

import { splitCues } from "./cues.js";
import { paragraphs } from "./paragraphs.js";
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
    .map(({ startMs, endMs, lines }, index) => [index + 1, `${srtTime(startMs)} --> ${srtTime(endMs)}`, ...lines, ""])
    .map((cueLines) => `${cueLines.join("\n")}\n`)
    .join("")
    .replace(/\n$/u, "");
}

/** @param {number} timeMs */
function srtTime(timeMs) {
  const padded = (/** @type {number} */ number, digits = 2) => String(number).padStart(digits, "0");
  const seconds = Math.floor(timeMs / 1000);
  const hours = padded(Math.floor(seconds / 3600));
  return `${hours}:${padded(Math.floor(seconds / 60) % 60)}:${padded(seconds % 60)},${padded(timeMs % 1000, 3)}`;
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
