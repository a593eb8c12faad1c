/**
 * One recording's session with the server, over as many connections as it takes. In: audio and flushes. Out: events, in
 * order, as if there had been one connection.
 *
 * audio -> backlog -> connection
 *
 * The answer to a flush acknowledges the audio before it. After a lost connection, the next one replays all
 * unacknowledged audio and flushes, so no word is lost or duplicated.
 */

/** @import { CloseInfo, Connection } from "./connection.js" */
/** @import { ServerEvent } from "./mistral.js" */
/** @import { Segment } from "../text/transcript.js" */

import { Backlog, secondsAt } from "./backlog.js";
import { END_MESSAGE, FLUSH_MESSAGE, appendMessage, settingsMessage } from "./mistral.js";

/** Delays before reconnecting; the last one repeats. */
const RETRY_MS = [300, 1000, 2000, 4000, 8000];

/** Timeout of the answer to a flush; then the connection counts as lost. */
const ANSWER_MS = 45_000;

/** Timeout of the end of the session, including reconnects; then the shown text stands. */
const FINISH_MS = 20_000;

/** Timeout of an end that the user requested while the server is unreachable: enough for one reconnect. */
const USER_STOP_MS = 1_000;

/** Flush at the latest after this much audio, to bound the audio to replay. */
const MAX_UNACKNOWLEDGED_S = 30;

/** Poll interval for a socket below its limit and for overdue answers. */
const TICK_MS = 100;

/**
 * @typedef {object} FlushRequest
 * @property {number} offset End of the audio to flush.
 * @property {boolean} isEnd Whether no audio follows.
 * @property {number | null} sentMs
 * @property {number | null} pausedMs When the pause that caused it began; null if the user requested it.
 */

/** @typedef {{text: string, segments: Segment[]}} Answer */

/** @type {Answer} */
const NOTHING = { text: "", segments: [] };

/** @typedef {Pick<Connection, "canSend" | "send" | "abort">} Transport */

/**
 * @typedef {object} SessionHandlers
 * @property {(state: "connecting" | "open" | "waiting") => void} onState
 * @property {(event: ServerEvent) => void} onText Text, with times in seconds of the page; notices and errors.
 * @property {(answer: {text: string, segments: Segment[], startS: number, endS: number,
 *   flush: FlushRequest}) => void} onAnswer
 * @property {() => void} onReplay Unacknowledged text will be sent again.
 * @property {(lostS: number) => void} onLost This much audio was dropped.
 * @property {(info: CloseInfo) => "retry" | "stop"} onDisconnect
 * @property {(isComplete: boolean) => void} onEnd The last event; `isComplete`: all audio is acknowledged.
 */

/**
 * @typedef {object} SessionOptions
 * @property {(onEvent: (event: ServerEvent) => void, onClose: (info: CloseInfo) => void) => Promise<Transport | null>}
 *   connect null if it has closed already, after `onClose`.
 * @property {string} language "" lets the engine decide.
 * @property {readonly string[]} vocabulary Words and phrases to expect.
 */

export class Session {
  #options;
  #handlers;
  #backlog;
  /** @type {FlushRequest[]} */ #flushes = [];
  /** @type {Transport | null} */ #connection = null;
  #isOpen = false;
  #isOver = false;
  #originOffset; // where the connection's own audio begins
  #sentOffset;
  #acknowledgedOffset;
  #numFailures = 0;
  /** @type {Answer} */ #unsolicited = NOTHING; // from a `done` without a flush
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #finishTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #userStopTimer;
  #isUserStop = false;
  #ticker;

  /**
   * @param {SessionOptions} options
   * @param {SessionHandlers} handlers
   * @param {Backlog} backlog This recording begins at its end.
   */
  constructor(options, handlers, backlog) {
    this.#options = options;
    this.#handlers = handlers;
    this.#backlog = backlog;
    this.#originOffset = this.#sentOffset = this.#acknowledgedOffset = backlog.end;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#connect();
  }

  /** @param {Uint8Array} pcm */
  feed(pcm) {
    if (this.#isOver || this.#isEnding) return;
    const numDropped = this.#backlog.push(pcm);
    if (numDropped) this.#reportLoss(numDropped);
    if (secondsAt(this.#backlog.end - this.#lastFlushOffset) >= MAX_UNACKNOWLEDGED_S) this.flush(null);
    this.#send();
  }

  /**
   * Make all text so far final. A no-op without new audio.
   * @param {number | null} pausedMs
   */
  flush(pausedMs) {
    const offset = this.#backlog.end;
    if (this.#isOver || this.#isEnding || offset === this.#lastFlushOffset) return;
    this.#flushes.push({ offset, isEnd: false, sentMs: null, pausedMs });
    this.#send();
  }

  /**
   * No more audio: make all text final, then end.
   * @param {boolean} isUserStop Whether the user waits for the end, so that an unreachable server may not delay it.
   */
  finish(isUserStop) {
    if (this.#isOver || this.#isEnding) return;
    this.#isUserStop = isUserStop;
    this.#flushes.push({ offset: this.#backlog.end, isEnd: true, sentMs: null, pausedMs: null });
    this.#finishTimer = setTimeout(() => this.stop(), FINISH_MS);
    if (isUserStop && this.#isUnreachable) {
      this.#startUserStopTimer();
      this.#retryNow();
    }
    this.#send();
  }

  /** End at once. Idempotent. */
  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#finishTimer);
    clearTimeout(this.#userStopTimer);
    this.#connection?.abort();
    this.#backlog.dropBefore(this.#backlog.end);
    this.#handlers.onEnd(this.#acknowledgedOffset === this.#backlog.end);
  }

  /** The network changed: drop the connection and reconnect at once. */
  reconnect() {
    if (this.#isOver) return;
    this.#connection?.abort();
    this.#retryNow();
  }

  get #isEnding() {
    return this.#flushes.at(-1)?.isEnd ?? false;
  }

  get #lastFlushOffset() {
    return this.#flushes.at(-1)?.offset ?? this.#acknowledgedOffset;
  }

  /** Whether the connection was lost or refused; false while the first one is being opened. */
  get #isUnreachable() {
    return !this.#isOpen && this.#numFailures > 0;
  }

  #retryNow() {
    if (this.#retryTimer === undefined) return; // already connecting
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  /** Further failures do not extend it. */
  #startUserStopTimer() {
    this.#userStopTimer ??= setTimeout(() => this.stop(), USER_STOP_MS);
  }

  async #connect() {
    this.#retryTimer = undefined;
    this.#handlers.onState("connecting");
    let isClosed = false;
    const onClose = (/** @type {CloseInfo} */ info) => {
      isClosed = true;
      this.#disconnected(info);
    };
    const connection = await this.#options.connect((event) => this.#receive(event), onClose);
    if (this.#isOver) connection?.abort();
    else if (!isClosed) this.#connection = connection;
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    if (this.#isOver) return;
    const originS = secondsAt(this.#originOffset);
    switch (event.kind) {
      case "created":
        return this.#opened();
      case "done":
        return this.#acknowledge({ text: event.text, segments: event.segments.map(shifted(originS)) });
      case "segment":
        return this.#handlers.onText({ kind: "segment", segment: shifted(originS)(event.segment) });
      case "delta":
      case "interim":
        return this.#handlers.onText({ ...event, endS: event.endS === null ? null : event.endS + originS });
      default:
        this.#handlers.onText(event);
    }
  }

  #opened() {
    this.#isOpen = true;
    clearTimeout(this.#userStopTimer);
    this.#userStopTimer = undefined;
    this.#acknowledgedOffset = Math.max(this.#acknowledgedOffset, this.#backlog.start);
    this.#originOffset = this.#sentOffset = this.#acknowledgedOffset;
    for (const flush of this.#flushes) flush.sentMs = null;
    const settings = settingsMessage(this.#options.language, this.#options.vocabulary);
    if (settings) this.#connection?.send(settings);
    this.#handlers.onState("open");
    this.#send();
  }

  /** Send pending audio and flushes in order, until the socket is full. */
  #send() {
    while (this.#isOpen && this.#connection?.canSend) {
      const flush = this.#flushes.find(({ sentMs }) => sentMs === null);
      if (flush && flush.offset <= this.#sentOffset) {
        flush.sentMs = performance.now();
        this.#connection.send(flush.isEnd ? END_MESSAGE : FLUSH_MESSAGE);
        continue;
      }
      const chunk = this.#backlog.chunkAt(this.#sentOffset);
      if (!chunk) return;
      this.#connection.send(appendMessage(chunk)); // flushes lie between chunks
      this.#sentOffset += chunk.length;
    }
  }

  /**
   * A `done` without a flush, as from a server that shuts down, acknowledges nothing: its extent is unknown.
   * @param {Answer} answer
   */
  #acknowledge({ text, segments }) {
    const all = {
      text: `${this.#unsolicited.text} ${text}`.trim(),
      segments: [...this.#unsolicited.segments, ...segments],
    };
    const flush = this.#flushes[0]?.sentMs === null ? undefined : this.#flushes.shift();
    this.#unsolicited = flush ? NOTHING : all;
    if (!flush) return;
    this.#numFailures = 0;
    const startS = secondsAt(this.#acknowledgedOffset);
    this.#acknowledgedOffset = flush.offset;
    this.#backlog.dropBefore(flush.offset);
    this.#handlers.onAnswer({ ...all, startS, endS: secondsAt(flush.offset), flush });
    if (flush.isEnd) this.stop();
  }

  /** @param {CloseInfo} info */
  #disconnected(info) {
    this.#connection = null;
    this.#isOpen = false;
    this.#unsolicited = NOTHING;
    if (this.#isOver) return;
    if (info.wasOpen) this.#handlers.onReplay();
    if (this.#handlers.onDisconnect(info) === "stop") return this.stop();
    const waitMs = RETRY_MS[Math.min(this.#numFailures++, RETRY_MS.length - 1)];
    this.#handlers.onState("waiting");
    this.#retryTimer = setTimeout(() => this.#connect(), waitMs);
    if (this.#isUserStop) this.#startUserStopTimer();
  }

  /** @param {number} numBytes */
  #reportLoss(numBytes) {
    for (const flush of this.#flushes) flush.offset = Math.max(flush.offset, this.#backlog.start);
    this.#handlers.onLost(secondsAt(numBytes));
    if (this.#sentOffset < this.#backlog.start) this.#connection?.abort(); // a new connection starts after the gap
  }

  #tick() {
    const sentMs = this.#flushes[0]?.sentMs ?? null;
    if (sentMs !== null && performance.now() - sentMs > ANSWER_MS) this.#connection?.abort();
    this.#send();
  }
}

/** @param {number} byS */
function shifted(byS) {
  return (/** @type {Segment} */ segment) => ({
    ...segment,
    startS: segment.startS + byS,
    endS: segment.endS + byS,
  });
}
