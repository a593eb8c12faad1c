/**
 * One recording's conversation with the server, over as many connections as it takes. In: audio and flushes. Out:
 * events, in order, as if there had been one connection.
 *
 * audio -> backlog -> connection
 *
 * An answered flush settles the audio before it. When a connection breaks, the next one gets all audio after the last
 * settled place again, and the flushes that were not answered; so no word is lost, and none stands twice.
 */

/** @import { Ending } from "./connection.js" */
/** @import { WireEvent } from "./mistral.js" */
/** @import { Segment } from "../text/transcript.js" */

import { Backlog, secondsAt } from "./backlog.js";
import { END_MESSAGE, FLUSH_MESSAGE, appendMessage, languageMessage } from "./mistral.js";

/** Waits before new tries; the last one stays. */
const RETRY_MS = [300, 1000, 2000, 4000, 8000];

/** How long an answer to a flush may take. After this the connection counts as broken. */
const ANSWER_MS = 45_000;

/** How long the end may take, new connections and all. After this what was seen has to do. */
const FINISH_MS = 20_000;

/** How long an end that somebody waits for may take where the server is away: enough for a new try, if it is back. */
const AWAY_MS = 1_000;

/** At the latest after so much audio a flush is asked for, so that what would have to be sent again stays short. */
const MAX_UNSETTLED_S = 30;

/** How often to look whether the socket has room again, and whether answers are overdue. */
const TICK_MS = 100;

/**
 * @typedef {object} Mark A place in the audio up to which an answer was asked for.
 * @property {number} place
 * @property {boolean} isEnd Whether no audio follows.
 * @property {number | null} sentMs
 * @property {number | null} pausedMs When the pause began that caused it; null where a person asked.
 */

/** @typedef {{text: string, segments: Segment[]}} Answer */

/** @type {Answer} */
const NOTHING = { text: "", segments: [] };

/**
 * @typedef {object} Line
 * @property {boolean} hasRoom
 * @property {(message: string) => void} send
 * @property {() => void} abandon
 */

/**
 * @typedef {object} Listener
 * @property {(state: "connecting" | "open" | "waiting") => void} onState
 * @property {(event: WireEvent) => void} onText Deltas, interim text and segments, with times of the whole page.
 * @property {(answer: {text: string, segments: Segment[], startS: number, endS: number,
 *   mark: Mark}) => void} onAnswer
 * @property {() => void} onRestart What is not settled will be told again.
 * @property {(lostS: number) => void} onLost So much audio could not be kept.
 * @property {(ending: Ending) => "retry" | "stop"} onBreak
 * @property {(isComplete: boolean) => void} onEnd Nothing follows; `isComplete` says whether all that was heard is
 *   settled.
 */

/**
 * @typedef {object} Plan
 * @property {(onEvent: (event: WireEvent) => void, onEnd: (ending: Ending) => void) => Promise<Line | null>} connect
 *   null where it has ended already, which `onEnd` was told.
 * @property {string} language "" lets the engine decide.
 */

export class Session {
  #plan;
  #listener;
  #backlog;
  /** @type {Mark[]} */ #marks = [];
  /** @type {Line | null} */ #line = null;
  #isOpen = false;
  #isOver = false;
  #originPlace; // where the connection's own audio begins
  #sentPlace;
  #settledPlace;
  #numFailures = 0;
  /** @type {Answer} */ #unasked = NOTHING; // what a `done` told that nobody had asked for
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #deadline;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #awayDeadline;
  #isAwaited = false;
  #ticker;

  /**
   * @param {Plan} plan
   * @param {Listener} listener
   * @param {Backlog} backlog Its end is where this recording begins.
   */
  constructor(plan, listener, backlog) {
    this.#plan = plan;
    this.#listener = listener;
    this.#backlog = backlog;
    this.#originPlace = this.#sentPlace = this.#settledPlace = backlog.end;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#connect();
  }

  /** How much audio has been taken, in seconds of the page. */
  get heardS() {
    return secondsAt(this.#backlog.end);
  }

  /** @param {Uint8Array} pcm */
  feed(pcm) {
    if (this.#isOver || this.#isEnding) return;
    const numLost = this.#backlog.push(pcm);
    if (numLost) this.#lose(numLost);
    const lastPlace = this.#marks.at(-1)?.place ?? this.#settledPlace;
    if (secondsAt(this.#backlog.end - lastPlace) >= MAX_UNSETTLED_S) this.flush(null);
    this.#pump();
  }

  /**
   * Make all that was said so far final. Nothing to do where nothing came since the last time.
   * @param {number | null} pausedMs
   */
  flush(pausedMs) {
    const place = this.#backlog.end;
    if (this.#isOver || this.#isEnding || place === (this.#marks.at(-1)?.place ?? this.#settledPlace)) return;
    this.#marks.push({ place, isEnd: false, sentMs: null, pausedMs });
    this.#pump();
  }

  /**
   * No more audio comes: settle everything, then end.
   * @param {boolean} isAwaited Whether somebody waits for the end: then a server that is away is not waited for.
   */
  finish(isAwaited) {
    if (this.#isOver || this.#isEnding) return;
    this.#isAwaited = isAwaited;
    this.#marks.push({ place: this.#backlog.end, isEnd: true, sentMs: null, pausedMs: null });
    this.#deadline = setTimeout(() => this.stop(), FINISH_MS);
    if (isAwaited && this.#isAway) {
      this.#giveUpSoon();
      this.#retryNow();
    }
    this.#pump();
  }

  /** End now, whatever is open. */
  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#retry);
    clearTimeout(this.#deadline);
    clearTimeout(this.#awayDeadline);
    this.#line?.abandon();
    this.#backlog.forgetBefore(this.#backlog.end);
    this.#listener.onEnd(this.#settledPlace === this.#backlog.end);
  }

  /** The network changed: what was connected is not any more, and a new try may succeed at once. */
  reconnect() {
    if (this.#isOver) return;
    this.#line?.abandon();
    this.#retryNow();
  }

  get #isEnding() {
    return this.#marks.at(-1)?.isEnd ?? false;
  }

  /** Whether the connection was lost, or could not be had; a first one that is being opened is not away. */
  get #isAway() {
    return !this.#isOpen && this.#numFailures > 0;
  }

  #retryNow() {
    if (this.#retry === undefined) return; // one is being opened
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** Failing again puts nothing off. */
  #giveUpSoon() {
    this.#awayDeadline ??= setTimeout(() => this.stop(), AWAY_MS);
  }

  async #connect() {
    this.#retry = undefined;
    this.#listener.onState("connecting");
    let hasEnded = false;
    const onEnd = (/** @type {Ending} */ ending) => {
      hasEnded = true;
      this.#break(ending);
    };
    const line = await this.#plan.connect((event) => this.#take(event), onEnd);
    if (this.#isOver) line?.abandon();
    else if (!hasEnded) this.#line = line;
  }

  /** @param {WireEvent} event */
  #take(event) {
    if (this.#isOver) return;
    const originS = secondsAt(this.#originPlace);
    switch (event.kind) {
      case "created":
        return this.#begin();
      case "done":
        return this.#settle({ text: event.text, segments: event.segments.map(moved(originS)) });
      case "segment":
        return this.#listener.onText({ kind: "segment", segment: moved(originS)(event.segment) });
      default:
        this.#listener.onText(event);
    }
  }

  #begin() {
    this.#isOpen = true;
    clearTimeout(this.#awayDeadline);
    this.#awayDeadline = undefined;
    this.#settledPlace = Math.max(this.#settledPlace, this.#backlog.start);
    this.#originPlace = this.#sentPlace = this.#settledPlace;
    for (const mark of this.#marks) mark.sentMs = null;
    if (this.#plan.language) this.#line?.send(languageMessage(this.#plan.language));
    this.#listener.onState("open");
    this.#pump();
  }

  /** Send what there is, audio and marks in their order, as far as the socket has room. */
  #pump() {
    while (this.#isOpen && this.#line?.hasRoom) {
      const mark = this.#marks.find(({ sentMs }) => sentMs === null);
      if (mark && mark.place <= this.#sentPlace) {
        mark.sentMs = performance.now();
        this.#line.send(mark.isEnd ? END_MESSAGE : FLUSH_MESSAGE);
        continue;
      }
      const piece = this.#backlog.pieceAt(this.#sentPlace);
      if (!piece) return;
      this.#line.send(appendMessage(piece)); // marks lie between pieces
      this.#sentPlace += piece.length;
    }
  }

  /**
   * A `done` that nobody asked for, as of a server that is going away, settles nothing: nobody knows what it covers.
   * @param {Answer} answer
   */
  #settle({ text, segments }) {
    const all = { text: `${this.#unasked.text} ${text}`.trim(), segments: [...this.#unasked.segments, ...segments] };
    const mark = this.#marks[0]?.sentMs === null ? undefined : this.#marks.shift();
    this.#unasked = mark ? NOTHING : all;
    if (!mark) return;
    this.#numFailures = 0;
    const startS = secondsAt(this.#settledPlace);
    this.#settledPlace = mark.place;
    this.#backlog.forgetBefore(mark.place);
    this.#listener.onAnswer({ ...all, startS, endS: secondsAt(mark.place), mark });
    if (mark.isEnd) this.stop();
  }

  /** @param {Ending} ending */
  #break(ending) {
    this.#line = null;
    this.#isOpen = false;
    this.#unasked = NOTHING;
    if (this.#isOver) return;
    if (ending.wasOpen) this.#listener.onRestart();
    if (this.#listener.onBreak(ending) === "stop") return this.stop();
    const waitMs = RETRY_MS[Math.min(this.#numFailures++, RETRY_MS.length - 1)];
    this.#listener.onState("waiting");
    this.#retry = setTimeout(() => this.#connect(), waitMs);
    if (this.#isAwaited) this.#giveUpSoon();
  }

  /** @param {number} numBytes */
  #lose(numBytes) {
    for (const mark of this.#marks) mark.place = Math.max(mark.place, this.#backlog.start);
    this.#listener.onLost(secondsAt(numBytes));
    if (this.#sentPlace < this.#backlog.start) this.#line?.abandon(); // the next one's times begin after the gap
  }

  #tick() {
    const sentMs = this.#marks[0]?.sentMs ?? null;
    if (sentMs !== null && performance.now() - sentMs > ANSWER_MS) this.#line?.abandon();
    this.#pump();
  }
}

/** @param {number} byS */
function moved(byS) {
  return (/** @type {Segment} */ segment) => ({
    ...segment,
    startS: segment.startS + byS,
    endS: segment.endS + byS,
  });
}
