/**
 * How the page gets at its server. In: the page's address, a key if one is needed. Out: connections, models, and why
 * there are none.
 */

/** @import { Ending } from "./connection.js" */
/** @import { WireEvent } from "./mistral.js" */

import { ABNORMAL, Connection } from "./connection.js";
import { SESSION_PATH, sessionAddress } from "./mistral.js";

/** How long a plain request may take. */
const REQUEST_MS = 8_000;

/** What a browser can offer beside the token; the server selects it. */
const SUBPROTOCOL = "realtime";

/** The status where plain requests arrive and WebSockets do not. */
const NO_UPGRADE = 426;

/** The status of a server that cannot be reached. */
const UNREACHABLE = 0;

/** @typedef {{base: string, model: string, key: string}} Access */

/**
 * Begin a connection. It may end before it is open; the ending then says why, as near as can be found out.
 * @param {Access} access
 * @param {(event: WireEvent) => void} onEvent
 * @param {(ending: Ending) => void} onEnd
 * @returns {Promise<Connection | null>} null where it has ended already.
 */
export async function openConnection(access, onEvent, onEnd) {
  let subprotocols;
  try {
    subprotocols = access.key ? [SUBPROTOCOL, await clientToken(access)] : [];
  } catch (error) {
    onEnd({ code: ABNORMAL, wasOpen: false, error: refusalOf(error) });
    return null;
  }
  return new Connection(sessionAddress(access.base, access.model), subprotocols, onEvent, (ending) => {
    if (ending.wasOpen || ending.error) onEnd(ending);
    else whyRefused(access).then((error) => onEnd({ ...ending, error }));
  });
}

/**
 * The names of the server's models.
 * @param {Access} access
 * @returns {Promise<string[]>}
 */
export async function listModels(access) {
  const list = await request(access, "v1/models");
  return list.data.map((/** @type {{id: string}} */ { id }) => id);
}

/**
 * A token in exchange for the key; it is for one model, so one has to be named.
 * @param {Access} access
 */
async function clientToken(access) {
  const model = access.model || (await listModels(access))[0];
  const session = await request(access, "v1/client/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ purpose: "realtime", model }),
  });
  return session.client_secret.value;
}

/**
 * A browser does not tell why a WebSocket was refused. The same address answers a plain request with the reason; by
 * POST, since then the browser names the page as it does for a WebSocket.
 * @param {Access} access
 * @returns {Promise<NonNullable<Ending["error"]>>}
 */
async function whyRefused(access) {
  try {
    await request(access, SESSION_PATH, { method: "POST" });
  } catch (error) {
    return refusalOf(error);
  }
  return { message: "", status: NO_UPGRADE }; // nobody who knows of sessions answers so
}

/** A server's answer that is a refusal. */
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
 * What a failed request says; where the server gave no answer, there is no status.
 * @param {unknown} error
 * @returns {NonNullable<Ending["error"]>}
 */
function refusalOf(error) {
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
  const body = await response.json().catch(() => null); // a proxy's page, perhaps
  const { message = "", code = "" } = body?.error ?? body ?? {};
  throw new RequestError(message, response.status, code);
}
