/** What went wrong becomes what to do. In: a connection's ending, a failure to hear. Out: words, and whether to go on. */

/** @import { CaptureError } from "../audio/capture.js" */
/** @import { Ending } from "../client/connection.js" */

/**
 * @typedef {object} Problem
 * @property {string} title What is wrong.
 * @property {string} remedy What helps.
 * @property {boolean} isPassing Whether the page is trying by itself to mend it.
 * @property {"key" | null} action What the page offers to do about it.
 */

/** The close code of a server that has no room. */
const TRY_LATER = 1013;

/** The close code of a server that stops; another one is expected in its place. */
const GOING_AWAY = 1001;

/** @type {Problem} */
export const INCOMPLETE = {
  title: "The server did not answer at the end.",
  remedy: "The last words may be missing or not final.",
  isPassing: false,
  action: null,
};

/** What becomes of the sound while there is no connection. */
const KEPT = "What you say is kept, and sent on.";

/**
 * What the page waits for, by a refusal's code or else its status: what is wrong, and what helps where the server does
 * not say it.
 * @type {Record<string, [title: string, remedy: string]>}
 */
const WAITED_FOR = {
  capacity: ["The server is full.", ""],
  unavailable: ["The server is not ready.", ""],
  408: ["The session has come to its end.", "Another one goes on where it stopped."],
  426: ["WebSockets do not reach the server.", "Something in between, perhaps a proxy, has to let them through."],
  429: ["Too many sessions were opened from here.", ""],
  502: ["The server cannot be reached.", "What answers in its place has no connection to it."],
  503: ["The server takes no new session.", ""],
  504: ["The server cannot be reached.", "What answers in its place has no connection to it."],
};

/** @type {Record<CaptureError["kind"], [title: string, remedy: string]>} */
const CAPTURE_PROBLEMS = {
  insecure: [
    "The browser keeps the microphone from this page.",
    "It gives it only to pages on https or on localhost. Open the page there, or caption a file instead.",
  ],
  denied: [
    "The microphone is not allowed.",
    "Allow it for this page, with the sign beside the address, then start again. Or caption a file.",
  ],
  missing: ["There is no microphone.", "Connect one, or choose another in the settings, then start again."],
  busy: ["The microphone does not answer.", "Close other programs that use it, then start again."],
  silent: [
    "The browser's sound does not start.",
    "Load the page again; if that does not help, start the browser anew.",
  ],
  unloaded: ["The server cannot be reached.", "A part of this page is missing: when it is back, load the page again."],
  gone: ["The microphone went away.", "What was said so far is kept. Connect it again, then start."],
  unreadable: [
    "The browser cannot play this file.",
    "Try mp3, wav, ogg, m4a or webm. The command voxtide transcribe reads many more.",
  ],
};

/**
 * @param {CaptureError} error
 * @returns {Problem}
 */
export function captureProblem({ kind }) {
  const [title, remedy] = CAPTURE_PROBLEMS[kind];
  return lasting(title, remedy);
}

/**
 * @param {Ending} ending
 * @returns {Problem}
 */
export function connectionProblem({ code, error }) {
  const message = sentence(error?.message ?? "");
  const status = error?.status || (code === TRY_LATER ? 503 : 0);
  if (status === 401) return lasting("The server wants an API key.", "Enter one that it knows.", "key");
  if (status === 403) return lasting("The server does not let this page in.", message || "Ask who runs it.");
  const [title, remedy] = WAITED_FOR[error?.code ?? ""] ?? WAITED_FOR[status] ?? [];
  if (title) return passing(title, `${remedy || message} ${status === 408 ? "" : KEPT}`.trim());
  if (code === GOING_AWAY) return passing("The server is restarting.", KEPT);
  if (status && status < 500) return lasting("The server refused.", message);
  return passing(status ? "The server failed." : "The server cannot be reached.", KEPT);
}

/**
 * What the server said about one message, going on all the same.
 * @param {string} message
 * @returns {Problem}
 */
export function serverRemark(message) {
  return lasting("The server says:", message);
}

/**
 * @param {number} lostS
 * @returns {Problem}
 */
export function lostProblem(lostS) {
  return passing(
    `The server has been away for too long: ${Math.ceil(lostS)} s of audio could not be kept.`,
    "The latest two minutes are, and will be sent on.",
  );
}

/**
 * A server's words as a sentence.
 * @param {string} words
 */
function sentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return !text || /[.!?]$/.test(text) ? text : `${text}.`;
}

/**
 * @param {string} title
 * @param {string} remedy
 * @param {"key" | null} [action]
 * @returns {Problem}
 */
function lasting(title, remedy, action = null) {
  return { title, remedy, isPassing: false, action };
}

/**
 * @param {string} title
 * @param {string} remedy
 * @returns {Problem}
 */
function passing(title, remedy) {
  return { title, remedy, isPassing: true, action: null };
}
