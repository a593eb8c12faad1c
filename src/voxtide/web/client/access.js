/** Access to the server. In: the page's URL, an API key if needed. Out: connections, models, reasons of refusals. */

/** @import { CloseInfo } from "./connection.js" */
/** @import { ServerEvent } from "./mistral.js" */

import { ABNORMAL, Connection } from "./connection.js";
import { SESSION_PATH, sessionUrl } from "./mistral.js";

/** Timeout of an HTTP request. */
const REQUEST_MS = 8_000;

/** The subprotocol offered beside the token, for the server to select. */
const SUBPROTOCOL = "realtime";

/** The status if HTTP requests reach the server but WebSockets do not. */
const NO_UPGRADE = 426;

/** The status of an unreachable server. */
const UNREACHABLE = 0;

/** @typedef {{base: string, model: string, key: string}} Access */

/**
 * Open a connection. If it closes before it is open, `onClose` gets the reason, as far as it can be determined.
 * @param {Access} access
 * @param {(event: ServerEvent) => void} onEvent
 * @param {(info: CloseInfo) => void} onClose
 * @returns {Promise<Connection | null>} null if it has closed already.
 */
export async function openConnection(access, onEvent, onClose) {
  let subprotocols;
  try {
    subprotocols = access.key ? [SUBPROTOCOL, await clientToken(access)] : [];
  } catch (error) {
    onClose({ code: ABNORMAL, wasOpen: false, error: errorOf(error) });
    return null;
  }
  return new Connection(sessionUrl(access.base, access.model), subprotocols, onEvent, (info) => {
    if (info.wasOpen || info.error) onClose(info);
    else refusalReason(access).then((error) => onClose({ ...info, error }));
  });
}

/**
 * The server's models: their names, and whether they can use words to expect. Unless the server denies it, they can.
 * @typedef {{names: string[], canUseVocabulary: boolean}} Models
 */

/**
 * @param {Access} access
 * @returns {Promise<Models>}
 */
export async function listModels(access) {
  /** @type {{id: string, capabilities?: {context_bias?: boolean}}[]} */
  const models = (await request(access, "v1/models")).data;
  const canUseVocabulary = models.every(({ capabilities }) => capabilities?.context_bias !== false);
  return { names: models.map(({ id }) => id), canUseVocabulary };
}

/**
 * Exchange the key for a token, which is valid for one model.
 * @param {Access} access
 */
async function clientToken(access) {
  const model = access.model || (await listModels(access)).names[0];
  const session = await request(access, "v1/client/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ purpose: "realtime", model }),
  });
  return session.client_secret.value;
}

/**
 * Why the WebSocket was refused, which the browser hides. The same URL answers an HTTP request with the reason; POST,
 * because then the browser sends the Origin header, as for a WebSocket.
 * @param {Access} access
 * @returns {Promise<NonNullable<CloseInfo["error"]>>}
 */
async function refusalReason(access) {
  try {
    await request(access, SESSION_PATH, { method: "POST" });
  } catch (error) {
    return errorOf(error);
  }
  return { message: "", status: NO_UPGRADE }; // no voxtide server accepts this request
}

/** An HTTP error response. */
class RequestError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {string} code
   */
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * The error of a failed request; without a response the status is `UNREACHABLE`.
 * @param {unknown} error
 * @returns {NonNullable<CloseInfo["error"]>}
 */
function errorOf(error) {
  return error instanceof RequestError ? error : { message: String(error), status: UNREACHABLE };
}

/**
 * @param {Access} access
 * @param {string} path
 * @param {RequestInit & {headers?: Record<string, string>}} [options]
 */
async function request({ base, key }, path, options = {}) {
  /** @type {Record<string, string>} */
  const authorisation = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(new URL(path, base), {
    ...options,
    headers: { ...options.headers, ...authorisation },
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  if (response.ok) return response.json();
  const body = await response.json().catch(() => null); // perhaps a proxy's page
  const { message = "", code = "" } = body?.error ?? body ?? {};
  throw new RequestError(message, response.status, code);
}
