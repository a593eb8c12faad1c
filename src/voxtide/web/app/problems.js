/** Messages for the user. In: why a connection closed or a capture failed. Out: texts, and whether to retry. */

/** @import { CaptureError } from "../audio/capture.js" */
/** @import { CloseInfo } from "../client/connection.js" */

/**
 * @typedef {object} Problem
 * @property {string} title What is wrong.
 * @property {string} remedy What to do.
 * @property {boolean} isTransient Whether the page retries by itself.
 * @property {"key" | null} action What the page offers to do about it.
 */

/** The close code of a server at capacity. */
const TRY_LATER = 1013;

/** The close code of a server that shuts down, usually to restart. */
const GOING_AWAY = 1001;

/** @type {Problem} */
export const INCOMPLETE = {
  title: "The server did not answer at the end.",
  remedy: "The last words may be missing or not final.",
  isTransient: false,
  action: null,
};

/** The code of the notice that the speech is not in the model's only language. */
export const LANGUAGE_DOUBTED = "language_doubted";

/** Below this level speech is hard to recognise: conversation close to a microphone has about -30 dBFS. */
const QUIET_DB = -50;

/** Added to problems during which audio is buffered. */
const BUFFERED = "Your speech is kept and will be sent when the server is back.";

/**
 * Transient problems by the refusal's code or status: title, and remedy if the server gives none.
 * @type {Record<string, [title: string, remedy: string]>}
 */
const TRANSIENT = {
  capacity: ["The server is full.", ""],
  unavailable: ["The server is not ready.", ""],
  408: ["The session reached its time limit.", "A new session continues from there."],
  426: ["WebSockets do not reach the server.", "A proxy in between may be blocking them."],
  429: ["Too many sessions were opened from this address.", ""],
  502: ["The server cannot be reached.", "A proxy answers, but cannot connect to it."],
  503: ["The server accepts no new session.", ""],
  504: ["The server cannot be reached.", "A proxy answers, but cannot connect to it."],
};

/** @type {Record<CaptureError["kind"], [title: string, remedy: string]>} */
const CAPTURE_PROBLEMS = {
  insecure: [
    "Your browser blocks the microphone here: it allows it only over https or on localhost.",
    "Use such an address, or open a recording instead.",
  ],
  denied: [
    "The microphone is not allowed.",
    "Allow it for this page with the icon beside the address, then start again. Or open a recording.",
  ],
  missing: ["There is no microphone.", "Connect one or choose another in the settings, then start again."],
  busy: ["The microphone does not respond.", "Close other programs that use it, then start again."],
  silent: ["The browser's audio does not start.", "Reload the page; if that does not help, restart the browser."],
  unloaded: ["The server cannot be reached.", "A part of this page is missing: reload it when the server is back."],
  gone: ["The microphone was disconnected.", "The text so far is kept. Connect it again, then start."],
  unreadable: [
    "The browser cannot play this file.",
    "Try mp3, wav, ogg, m4a or webm. The command voxtide transcribe reads many more formats.",
  ],
};

/**
 * @param {CaptureError} error
 * @returns {Problem}
 */
export function captureProblem({ kind }) {
  const [title, remedy] = CAPTURE_PROBLEMS[kind];
  return permanent(title, remedy);
}

/**
 * @param {CloseInfo} info
 * @returns {Problem}
 */
export function connectionProblem({ code, error }) {
  const message = sentence(error?.message ?? "");
  const status = error?.status || (code === TRY_LATER ? 503 : 0);
  if (status === 401) return permanent("This server needs an API key.", "Enter a valid key.", "key");
  if (status === 403) return permanent("The server does not allow this page.", message || "Ask its operator.");
  const [title, remedy] = TRANSIENT[error?.code ?? ""] ?? TRANSIENT[status] ?? [];
  if (title) return transient(title, `${remedy || message} ${status === 408 ? "" : BUFFERED}`.trim());
  if (code === GOING_AWAY) return transient("The server is restarting.", BUFFERED);
  if (status && status < 500) return permanent("The server refused the session.", message);
  return transient(status ? "The server failed." : "The server cannot be reached.", BUFFERED);
}

/**
 * @param {string} source What was transcribed.
 * @param {number} levelDb Its level in dB of full scale.
 * @returns {Problem}
 */
export function noSpeechProblem(source, levelDb) {
  const remedy =
    levelDb < QUIET_DB
      ? "It is very quiet: check the volume, or choose another microphone in the settings."
      : "Check that it contains speech in a language that the server transcribes.";
  return permanent(`No speech found in ${source} (level ${Math.round(levelDb)} dBFS).`, remedy);
}

/**
 * A server's error that did not end the session.
 * @param {string} message
 * @returns {Problem}
 */
export function serverMessage(message) {
  return permanent("The server reports:", message);
}

/**
 * A server's notice about doubtful text.
 * @param {string} code
 * @param {string} message
 * @returns {Problem}
 */
export function noticeProblem(code, message) {
  if (code === LANGUAGE_DOUBTED) return permanent("The text may be nonsense.", sentence(message));
  if (code !== "speech_untranscribed") return serverMessage(message);
  const remedy = "The model found no words in it: it may be unclear or in another language.";
  return permanent("Some speech has no text.", remedy);
}

/**
 * @param {number} lostS
 * @returns {Problem}
 */
export function lossProblem(lostS) {
  return transient(
    `The server was unreachable for too long: ${Math.ceil(lostS)} s of audio are lost.`,
    "The last two minutes are kept and will be sent.",
  );
}

/**
 * A server's message as a sentence.
 * @param {string} message
 */
function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return !text || /[.!?]$/.test(text) ? text : `${text}.`;
}

/**
 * @param {string} title
 * @param {string} remedy
 * @param {"key" | null} [action]
 * @returns {Problem}
 */
function permanent(title, remedy, action = null) {
  return { title, remedy, isTransient: false, action };
}

/**
 * @param {string} title
 * @param {string} remedy
 * @returns {Problem}
 */
function transient(title, remedy) {
  return { title, remedy, isTransient: true, action: null };
}
