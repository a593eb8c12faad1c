/** Plain text for titles and searches. In: segments, queries. Out: titles, matches. Knows no page and no storage. */

/** @import { Segment } from "./transcript.js" */

import { joined } from "./transcript.js";

/** A title fits on one line of a phone. */
const MAX_TITLE_CHARS = 60;

/** Characters shown on each side of a match. */
const CONTEXT_CHARS = 50;

/** @typedef {{numMatches: number, before: string, found: string, after: string}} Match The first match in context. */

/** @param {readonly Segment[]} segments */
export function plainText(segments) {
  return joined(segments).replace(/\s+/gu, " ").trim();
}

/**
 * The first words of a text.
 * @param {string} text
 */
export function titleOf(text) {
  if (text.length <= MAX_TITLE_CHARS) return text;
  const cut = text.slice(0, MAX_TITLE_CHARS).replace(/\p{Surrogate}$/u, "");
  return `${cut.replace(/\s+\S*$/u, "")}…`;
}

/**
 * A pattern for all matches of a query, regardless of case and of the kind of white space; null for an empty query.
 * @param {string} query
 */
export function patternOf(query) {
  const words = query.trim().split(/\s+/u).filter(Boolean);
  const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&"));
  return escaped.length ? new RegExp(escaped.join("\\s+"), "giu") : null;
}

/**
 * @param {string} text
 * @param {string} query
 * @returns {Match | null}
 */
export function matchIn(text, query) {
  const pattern = patternOf(query);
  const matches = pattern ? [...text.matchAll(pattern)] : [];
  if (!matches.length) return null;
  const [{ 0: found, index }] = matches;
  const before = text.slice(0, index);
  const after = text.slice(index + found.length);
  return {
    numMatches: matches.length,
    before: before.length > CONTEXT_CHARS ? `…${before.slice(-CONTEXT_CHARS)}` : before,
    found,
    after: after.length > CONTEXT_CHARS ? `${after.slice(0, CONTEXT_CHARS).trimEnd()}…` : after,
  };
}
