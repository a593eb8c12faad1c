/**
 * Live captions without a page. In: an audio source, and requests to flush or stop. Out: a transcript, a state,
 * latencies, problems; `onChange` announces changes.
 *
 * capture -> pauses -> session -> transcript
 */

/** @import { Capture, CaptureError, Chunk } from "../audio/capture.js" */
/** @import { SessionHandlers, SessionOptions } from "../client/session.js" */
/** @import { ServerEvent } from "../client/mistral.js" */
/** @import { Segment } from "../text/transcript.js" */
/** @import { Problem } from "./problems.js" */

import { MeanLevel } from "../audio/pcm.js";
import { LEVEL_MS, PauseDetector } from "../audio/pauses.js";
import { Latency } from "../text/latency.js";
import { Transcript } from "../text/transcript.js";
import { Backlog, offsetAt, secondsAt } from "../client/backlog.js";
import { Session } from "../client/session.js";
import {
  INCOMPLETE,
  LANGUAGE_DOUBTED,
  captureProblem,
  connectionProblem,
  lossProblem,
  noSpeechProblem,
  noticeProblem,
  serverMessage,
} from "./problems.js";

/** @typedef {"idle" | "starting" | "transcribing" | "waiting" | "finishing"} State */

/** A source that the user stops earlier may be without speech. */
const MIN_SPEECHLESS_S = 10;

export class Recorder {
  transcript = new Transcript();
  latency = new Latency();
  /** @type {State} */ state = "idle";
  /** @type {Problem | null} */ problem = null;
  hasAutomaticFlush = true;

  /** Called after every change. */
  onChange = () => {};

  /**
   * Loudness from 0 to 1, one number per 20 ms.
   * @type {(loudness: number[]) => void}
   */
  onLoudness = () => {};

  #backlog = new Backlog();
  #pauses = new PauseDetector();
  /** @type {Capture | null} */ #capture = null;
  /** @type {Session | null} */ #session = null;
  #lostS = 0;
  #level = new MeanLevel(); // of the current source
  #startS = 0; // of the current source
  #numSegments = 0; // before the current source
  #hasEnded = false; // the current source, by itself
  #numStarts = 0; // and withdrawn ones
  /** @type {Set<string>} */ #noticeCodes = new Set(); // shown for the current source

  get isActive() {
    return this.state !== "idle";
  }

  /** Length of all audio since the page was cleared, in seconds. */
  get audioS() {
    return secondsAt(this.#backlog.end);
  }

  /** Length of the current file, or null. */
  get lengthS() {
    return this.#capture?.lengthS ?? null;
  }

  /**
   * Caption a source until `stop` or its end.
   * @param {() => Promise<Capture>} openCapture
   * @param {SessionOptions} options
   */
  async start(openCapture, options) {
    if (this.isActive) return;
    const number = ++this.#numStarts;
    this.#update("starting", null);
    let capture;
    try {
      capture = await openCapture();
    } catch (error) {
      if (number === this.#numStarts) this.#update("idle", captureProblem(/** @type {CaptureError} */ (error)));
      return;
    }
    if (number !== this.#numStarts) return capture.finish(); // stopped while the user was asked for the microphone
    this.#capture = capture;
    this.#lostS = 0;
    this.#pauses = new PauseDetector();
    this.#level = new MeanLevel();
    this.#startS = this.audioS;
    this.#hasEnded = false;
    this.#noticeCodes.clear();
    this.#numSegments = this.transcript.segments.length;
    this.transcript.beginSource();
    this.#session = new Session(options, this.#handlers(), this.#backlog);
    this.#capture.onChunk = (chunk) => this.#addChunk(chunk);
    this.#capture.onEnd = (error) => this.#sourceEnded(error);
  }

  /** Make all text so far final. */
  flush() {
    this.#session?.flush(null);
  }

  /** End the audio and make the rest final, unless the server is unreachable. */
  async stop() {
    if (this.#capture) return this.#finish(true);
    if (!this.isActive) return;
    this.#numStarts++;
    this.#update("idle", null);
  }

  /** Delete all text. A no-op while active. */
  clear() {
    this.restore([], 0);
  }

  /**
   * Show other text and continue from there. A no-op while active.
   * @param {readonly Segment[]} segments
   * @param {number} audioS Length of the audio so far; times continue from there.
   * @returns {boolean} Whether the text is shown.
   */
  restore(segments, audioS) {
    if (this.isActive) return false;
    this.transcript.load(segments);
    this.#backlog = new Backlog(undefined, offsetAt(audioS));
    this.#session = null;
    this.#update("idle", null);
    return true;
  }

  /** The page is visible again: the system may have suspended its audio. */
  resume() {
    this.#capture?.resume();
  }

  /** The network changed. */
  reconnect() {
    this.#session?.reconnect();
  }

  dismissProblem() {
    this.#update(this.state, null);
  }

  /** @returns {SessionHandlers} */
  #handlers() {
    return {
      onState: (state) => this.#sessionChanged(state),
      onText: (event) => this.#addText(event),
      onAnswer: ({ text, segments, startS, endS, flush }) => {
        this.transcript.finalize(text, segments, startS, endS);
        if (flush.sentMs !== null && !flush.isEnd) {
          this.latency.flushAnswered(flush.sentMs, performance.now(), flush.pausedMs);
        }
        this.onChange();
      },
      onReplay: () => {
        this.latency.discardPending();
        this.transcript.restart();
      },
      onLost: (lostS) => {
        this.#lostS += lostS;
        this.#update(this.state, lossProblem(this.#lostS));
      },
      onDisconnect: (info) => {
        const problem = connectionProblem(info);
        this.#update(this.state, problem);
        return problem.isTransient ? "retry" : "stop";
      },
      onEnd: (isComplete) => this.#sessionEnded(isComplete),
    };
  }

  /** @param {"connecting" | "open" | "waiting"} state */
  #sessionChanged(state) {
    if (state === "open" && this.problem?.isTransient && !this.#lostS) this.problem = null;
    if (this.state === "finishing") return this.onChange();
    if (state === "open") this.#update("transcribing", this.problem);
    else if (this.state === "transcribing" || state === "waiting") this.#update("waiting", this.problem);
  }

  /** @param {Chunk} chunk */
  #addChunk({ pcm, levels }) {
    const nowMs = performance.now();
    this.#session?.feed(pcm);
    const loudness = levels.map((level, index) => {
      this.#level.add(level);
      const change = this.#pauses.addLevel(level);
      const atMs = nowMs - (levels.length - 1 - index) * LEVEL_MS;
      if (change?.kind === "started")
        this.#speechStarted(atMs - change.agoMs, this.audioS - (nowMs - atMs + change.agoMs) / 1000);
      if (change?.kind === "paused" && this.hasAutomaticFlush) this.#session?.flush(atMs - change.agoMs);
      return this.#pauses.loudness;
    });
    this.onLoudness(loudness);
  }

  /**
   * Pending text belongs to earlier speech and would shorten the latency, so then nothing is measured.
   * @param {number} atMs
   * @param {number} startS
   */
  #speechStarted(atMs, startS) {
    if (!this.transcript.hasPending) this.latency.speechStarted(atMs);
    this.transcript.speechStarted(startS);
  }

  /** @param {ServerEvent} event */
  #addText(event) {
    if (event.kind === "delta") this.transcript.addDelta(event.text, event.endS ?? this.audioS);
    if (event.kind === "interim") this.transcript.setInterim(event.text, event.endS ?? this.audioS);
    if (event.kind === "segment") this.transcript.addSegment(event.segment);
    if (event.kind === "notice") this.#addNotice(event.code, event.message);
    if (event.kind === "error") this.problem = serverMessage(event.message);
    if ((event.kind === "delta" || event.kind === "interim") && event.text.trim()) {
      this.latency.textShown(performance.now());
    }
    this.onChange();
  }

  /**
   * Show a notice once per source: it may come again, also after a reconnect. Only a doubted language, which makes all
   * text nonsense, replaces another problem.
   * @param {string} code
   * @param {string} message
   */
  #addNotice(code, message) {
    if (this.#noticeCodes.has(code) || (this.problem && code !== LANGUAGE_DOUBTED)) return;
    this.#noticeCodes.add(code);
    this.problem = noticeProblem(code, message);
  }

  /** @param {boolean} isUserStop Whether the user waits for the end. */
  async #finish(isUserStop) {
    if (!this.#capture || this.state === "finishing") return;
    this.#update("finishing", this.problem);
    const session = this.#session;
    await this.#capture.finish();
    session?.finish(isUserStop);
  }

  /** @param {CaptureError | null} error */
  async #sourceEnded(error) {
    this.#hasEnded = error === null;
    await this.#finish(false);
    if (error) this.#update(this.state, captureProblem(error));
  }

  /** @param {boolean} isComplete */
  async #sessionEnded(isComplete) {
    const capture = this.#capture;
    if (capture) capture.onChunk = () => {}; // its last audio may arrive in the next recording
    this.#capture = null;
    this.transcript.abandon();
    const problem = this.problem?.isTransient ? null : this.problem;
    this.#update("idle", problem ?? (isComplete ? this.#noSpeech(capture) : INCOMPLETE));
    this.onLoudness([0]);
    await capture?.finish();
  }

  /**
   * The problem of a source without any text, if it ran to its end or for long enough.
   * @param {Capture | null} capture
   */
  #noSpeech(capture) {
    const isLong = this.#hasEnded || this.audioS - this.#startS >= MIN_SPEECHLESS_S;
    if (!capture || !isLong || this.transcript.segments.length > this.#numSegments) return null;
    return noSpeechProblem(capture.name, this.#level.db);
  }

  /**
   * @param {State} state
   * @param {Problem | null} problem
   */
  #update(state, problem) {
    this.state = state;
    this.problem = problem;
    this.onChange();
  }
}
