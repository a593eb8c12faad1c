/**
 * One WebSocket. In: frames to send. Out: events of the wire, and at last why it ended, once. Knows no audio and no
 * retries.
 */

/** @import { WireEvent } from "./mistral.js" */

import { readEvent } from "./mistral.js";

/** The close code where there was no closing handshake. */
export const ABNORMAL = 1006;

/** How long a server may take to open a session: a model that wakes up, on a slow line. */
const OPEN_MS = 15_000;

/** Frames that the browser holds for us: some seconds of audio. Past this we wait with more. */
const MAX_UNSENT_BYTES = 256 * 1024;

/**
 * @typedef {object} Ending
 * @property {number} code The close code, or `ABNORMAL`.
 * @property {boolean} wasOpen Whether the session had begun.
 * @property {{message: string, status: number, code?: string} | null} error What the server said was the reason; a
 *   refusal before the session has a `code`, too.
 */

export class Connection {
  #socket;
  #onEvent;
  #onEnd;
  #timer;
  #wasOpen = false;
  /** @type {Ending["error"]} */ #error = null;

  /**
   * @param {string} address
   * @param {string[]} subprotocols
   * @param {(event: WireEvent) => void} onEvent
   * @param {(ending: Ending) => void} onEnd
   */
  constructor(address, subprotocols, onEvent, onEnd) {
    this.#onEvent = onEvent;
    this.#onEnd = onEnd;
    this.#socket = new WebSocket(address, subprotocols);
    this.#socket.onmessage = ({ data }) => this.#take(readEvent(data));
    this.#socket.onclose = ({ code }) => this.#end(code);
    this.#timer = setTimeout(() => this.abandon(), OPEN_MS);
  }

  /** Whether more should be sent just now. */
  get hasRoom() {
    return this.#socket.bufferedAmount < MAX_UNSENT_BYTES;
  }

  /** @param {string} message */
  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  /** Hang up at once, as if the line were cut; `onEnd` is told before this returns. */
  abandon() {
    this.#socket.close();
    this.#end(ABNORMAL);
  }

  /** @param {WireEvent | null} event */
  #take(event) {
    this.#error = event?.kind === "error" ? event : null; // what is followed by something else has ended nothing
    if (!event) return;
    if (event.kind === "created") {
      this.#wasOpen = true;
      clearTimeout(this.#timer);
    }
    this.#onEvent(event);
  }

  /** @param {number} code */
  #end(code) {
    if (!this.#socket.onclose) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    clearTimeout(this.#timer);
    this.#onEnd({ code, wasOpen: this.#wasOpen, error: this.#error });
  }
}
