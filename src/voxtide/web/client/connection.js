/** One WebSocket. In: messages. Out: server events and finally one `CloseInfo`. Knows no audio and no retries. */

/** @import { ServerEvent } from "./mistral.js" */

import { readEvent } from "./mistral.js";

/** The close code without a closing handshake. */
export const ABNORMAL = 1006;

/** Timeout for opening a session; the server may have to load a model. */
const OPEN_MS = 15_000;

/** High-water mark of the socket's send buffer: some seconds of audio. */
const MAX_UNSENT_BYTES = 256 * 1024;

/**
 * @typedef {object} CloseInfo
 * @property {number} code The close code, or `ABNORMAL`.
 * @property {boolean} wasOpen Whether the session had started.
 * @property {{message: string, status: number, code?: string} | null} error The server's error, if any; a refusal
 *   before the session also has a `code`.
 */

export class Connection {
  #socket;
  #onEvent;
  #onClose;
  #timer;
  #wasOpen = false;
  /** @type {CloseInfo["error"]} */ #error = null;

  /**
   * @param {string} url
   * @param {string[]} subprotocols
   * @param {(event: ServerEvent) => void} onEvent
   * @param {(info: CloseInfo) => void} onClose
   */
  constructor(url, subprotocols, onEvent, onClose) {
    this.#onEvent = onEvent;
    this.#onClose = onClose;
    this.#socket = new WebSocket(url, subprotocols);
    this.#socket.onmessage = ({ data }) => this.#receive(readEvent(data));
    this.#socket.onclose = ({ code }) => this.#close(code);
    this.#timer = setTimeout(() => this.abort(), OPEN_MS);
  }

  /** Whether the send buffer is below its high-water mark. */
  get canSend() {
    return this.#socket.bufferedAmount < MAX_UNSENT_BYTES;
  }

  /** @param {string} message */
  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  /** Close without waiting for the handshake; `onClose` is called before this returns. */
  abort() {
    this.#socket.close();
    this.#close(ABNORMAL);
  }

  /** @param {ServerEvent | null} event */
  #receive(event) {
    this.#error = event?.kind === "error" ? event : null; // only the last message can be the reason for closing
    if (!event) return;
    if (event.kind === "created") {
      this.#wasOpen = true;
      clearTimeout(this.#timer);
    }
    this.#onEvent(event);
  }

  /** @param {number} code */
  #close(code) {
    if (!this.#socket.onclose) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    clearTimeout(this.#timer);
    this.#onClose({ code, wasOpen: this.#wasOpen, error: this.#error });
  }
}
