/** The Mistral realtime dialect (docs/protocols.md). In: requests; messages. Out: messages; events. Knows no sockets. */

/** @import { Segment } from "../text/transcript.js" */

import { toBase64 } from "./base64.js";

/**
 * @typedef {{kind: "created"}
 *   | {kind: "delta", text: string, endS: number | null}
 *   | {kind: "interim", text: string, endS: number | null}
 *   | {kind: "segment", segment: Segment}
 *   | {kind: "done", text: string, segments: Segment[]}
 *   | {kind: "notice", code: string, message: string}
 *   | {kind: "error", message: string, status: number}} ServerEvent
 */

/** Path of the realtime endpoint, relative to the page. */
export const SESSION_PATH = "v1/audio/transcriptions/realtime";

/**
 * The URL of a session on the server at `base`. The default `audio_format` is 16-bit PCM at 16 kHz.
 * @param {string} base The URL of the page.
 * @param {string} [model]
 */
export function sessionUrl(base, model) {
  const url = new URL(SESSION_PATH, base);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = ""; // of the page
  url.hash = "";
  if (model) url.searchParams.set("model", model);
  for (const extension of ["interim", "notices"]) {
    url.searchParams.set(extension, "true"); // voxtide's; other servers ignore them
  }
  return url.href;
}

/**
 * The settings of a session; null if all are the server's defaults.
 * @param {string} language ISO 639-1, or "".
 * @param {readonly string[]} vocabulary Words and phrases to expect.
 */
export function settingsMessage(language, vocabulary) {
  const session = { ...(language && { language }), ...(vocabulary.length && { context_bias: vocabulary }) };
  return Object.keys(session).length ? JSON.stringify({ type: "session.update", session }) : null;
}

/** @param {Uint8Array} pcm */
export function appendMessage(pcm) {
  return JSON.stringify({ type: "input_audio.append", audio: toBase64(pcm) });
}

export const FLUSH_MESSAGE = JSON.stringify({ type: "input_audio.flush" });
export const END_MESSAGE = JSON.stringify({ type: "input_audio.end" });

/**
 * The event of a message, or null for a message that the page does not use.
 * @param {unknown} data
 * @returns {ServerEvent | null}
 */
export function readEvent(data) {
  const message = parsed(data);
  switch (message?.type) {
    case "session.created":
      return { kind: "created" };
    case "transcription.text.delta":
      return { kind: "delta", text: String(message.text ?? ""), endS: endOf(message) };
    case "transcription.text.interim":
      return { kind: "interim", text: String(message.text ?? ""), endS: endOf(message) };
    case "transcription.segment":
      return isTimed(message) ? { kind: "segment", segment: segmentOf(message) } : null;
    case "transcription.done":
      return { kind: "done", text: String(message.text ?? ""), segments: segmentsOf(message.segments) };
    case "transcription.notice":
      return { kind: "notice", code: String(message.code ?? ""), message: String(message.message ?? "") };
    case "error":
      return { kind: "error", message: reasonOf(message.error), status: Number(message.error?.code) || 500 };
    default:
      return null;
  }
}

/**
 * @param {unknown} data
 * @returns {any}
 */
function parsed(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return null; // not a message of this dialect
  }
}

/**
 * End of the audio that a text covers: voxtide's extension; null from other servers.
 * @param {any} message
 */
function endOf(message) {
  return Number.isFinite(message.audio_s) ? message.audio_s : null;
}

/** @param {any} list */
function segmentsOf(list) {
  return Array.isArray(list) ? list.filter(isTimed).map(segmentOf) : [];
}

/** @param {any} message */
function isTimed(message) {
  return Number.isFinite(message?.start) && Number.isFinite(message?.end) && typeof message.text === "string";
}

/**
 * @param {any} message
 * @returns {Segment}
 */
function segmentOf({ text, start, end }) {
  return { text, startS: start, endS: end };
}

/** @param {any} error */
function reasonOf(error) {
  const reason = error?.message?.detail ?? error?.message ?? "";
  return typeof reason === "string" ? reason : JSON.stringify(reason);
}
