/** What went wrong becomes what to do. In: a connection's ending, a failure to hear. Out: words, and whether to go on. */

/** @import { CaptureError } from "../audio/capture.js" */
/** @import { Ending } from "../wire/connection.js" */

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

/** What a server without room is most often short of; the browser does not tell more. */
const FULL = "It is probably full. What you say is kept, and sent on when there is room.";

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
  return { title, remedy, isPassing: false, action: null };
}

/**
 * @param {Ending} ending
 * @returns {Problem}
 */
export function connectionProblem({ code, error }) {
  const status = error?.status;
  if (status === 401 || status === 403) return keyProblem(status, error?.message ?? "");
  if (status === 408) return passing("The session has come to its end.", "Another one goes on where it stopped.");
  if (code === TRY_LATER || status === 503 || status === 429) {
    return passing("The server takes no new session.", error?.message || FULL);
  }
  if (code === GOING_AWAY) return passing("The server is restarting.", "What you say is kept, and sent on.");
  if (status && status < 500) {
    return { title: "The server refused.", remedy: error?.message ?? "", isPassing: false, action: null };
  }
  return passing(
    status ? "The server failed." : "The server cannot be reached.",
    "What you say is kept, and sent on as soon as it is back.",
  );
}

/**
 * What the server said about one message, going on all the same.
 * @param {string} message
 * @returns {Problem}
 */
export function serverRemark(message) {
  return { title: "The server says:", remedy: message, isPassing: false, action: null };
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
 * @param {number} status
 * @param {string} message
 * @returns {Problem}
 */
function keyProblem(status, message) {
  const title = status === 401 ? "The server wants an API key." : "The server does not let this page in.";
  const remedy = status === 401 ? "Enter one that it knows." : message || "Ask who runs it.";
  return { title, remedy, isPassing: false, action: status === 401 ? "key" : null };
}

/**
 * @param {string} title
 * @param {string} remedy
 * @returns {Problem}
 */
function passing(title, remedy) {
  return { title, remedy, isPassing: true, action: null };
}
