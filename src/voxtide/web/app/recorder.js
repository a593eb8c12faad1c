/**
 * Live captions without a page. In: something to hear, and the wish to flush or stop. Out: a transcript, a state,
 * figures, problems; `onChange` says that something of it is new.
 *
 * capture -> pauses -> session -> transcript
 */

/** @import { Capture, CaptureError, Chunk } from "../audio/capture.js" */
/** @import { Plan } from "../client/session.js" */
/** @import { WireEvent } from "../client/mistral.js" */
/** @import { Problem } from "./problems.js" */

import { LEVEL_MS, PauseDetector } from "../audio/pauses.js";
import { Latency } from "../text/latency.js";
import { Transcript } from "../text/transcript.js";
import { Backlog } from "../client/backlog.js";
import { Session } from "../client/session.js";
import { INCOMPLETE, captureProblem, connectionProblem, lostProblem, serverRemark } from "./problems.js";

/** @typedef {"idle" | "starting" | "listening" | "waiting" | "finishing"} State */

export class Recorder {
  transcript = new Transcript();
  latency = new Latency();
  /** @type {State} */ state = "idle";
  /** @type {Problem | null} */ problem = null;
  hasAutomaticFlush = true;

  /** Something is new to see. */
  onChange = () => {};

  /**
   * How loud the last moments were, from 0 to 1, one number for each 20 ms.
   * @type {(loudness: number[]) => void}
   */
  onLoudness = () => {};

  #backlog = new Backlog();
  #pauses = new PauseDetector();
  /** @type {Capture | null} */ #capture = null;
  /** @type {Session | null} */ #session = null;
  #lostS = 0;

  /** Whether there is something to stop. */
  get isActive() {
    return this.state !== "idle";
  }

  /** How much has been heard since the page was cleared, in seconds. */
  get heardS() {
    return this.#session?.heardS ?? 0;
  }

  /** The length of the file that is heard, or null. */
  get lengthS() {
    return this.#capture?.lengthS ?? null;
  }

  /**
   * Hear, until `stop` or the source's end.
   * @param {() => Promise<Capture>} openCapture
   * @param {Plan} plan
   */
  async start(openCapture, plan) {
    if (this.isActive) return;
    this.#become("starting", null);
    try {
      this.#capture = await openCapture();
    } catch (error) {
      this.#become("idle", captureProblem(/** @type {CaptureError} */ (error)));
      return;
    }
    this.#lostS = 0;
    this.#pauses = new PauseDetector();
    this.transcript.beginSource();
    this.#session = new Session(plan, this.#listener(), this.#backlog);
    this.#capture.onChunk = (chunk) => this.#hear(chunk);
    this.#capture.onEnd = (error) => this.#end(error);
  }

  /** Make what was said so far final. */
  flush() {
    this.#session?.flush(null);
  }

  /** Hear no more, and make the rest final; where the server is away, do without. */
  stop() {
    return this.#finish(true);
  }

  /** Forget all text. Only while nothing is heard. */
  clear() {
    if (this.isActive) return;
    this.transcript.clear();
    this.#backlog = new Backlog();
    this.#session = null;
    this.#become("idle", null);
  }

  /** The page is seen again: the system may have silenced it meanwhile. */
  resume() {
    this.#capture?.resume();
  }

  /** The network changed. */
  reconnect() {
    this.#session?.reconnect();
  }

  dismissProblem() {
    this.#become(this.state, null);
  }

  /** @returns {import("../client/session.js").Listener} */
  #listener() {
    return {
      onState: (state) => this.#follow(state),
      onText: (event) => this.#show(event),
      onAnswer: ({ text, segments, startS, endS, mark }) => {
        this.transcript.settle(text, segments, startS, endS);
        if (mark.sentMs !== null && !mark.isEnd) {
          this.latency.flushAnswered(mark.sentMs, performance.now(), mark.pausedMs);
        }
        this.onChange();
      },
      onRestart: () => {
        this.latency.forgetBegun();
        this.transcript.restart();
      },
      onLost: (lostS) => {
        this.#lostS += lostS;
        this.#become(this.state, lostProblem(this.#lostS));
      },
      onBreak: (ending) => {
        const problem = connectionProblem(ending);
        this.#become(this.state, problem);
        return problem.isPassing ? "retry" : "stop";
      },
      onEnd: (isComplete) => this.#finished(isComplete),
    };
  }

  /** @param {"connecting" | "open" | "waiting"} state */
  #follow(state) {
    if (state === "open" && this.problem?.isPassing && !this.#lostS) this.problem = null;
    if (this.state === "finishing") return this.onChange();
    if (state === "open") this.#become("listening", this.problem);
    else if (this.state === "listening" || state === "waiting") this.#become("waiting", this.problem);
  }

  /** @param {Chunk} chunk */
  #hear({ pcm, levels }) {
    const nowMs = performance.now();
    this.#session?.feed(pcm);
    const loudness = levels.map((level, index) => {
      const change = this.#pauses.hear(level);
      const atMs = nowMs - (levels.length - 1 - index) * LEVEL_MS;
      if (change?.kind === "started")
        this.#noteSpeech(atMs - change.agoMs, this.heardS - (nowMs - atMs + change.agoMs) / 1000);
      if (change?.kind === "paused" && this.hasAutomaticFlush) this.#session?.flush(atMs - change.agoMs);
      return this.#pauses.loudness;
    });
    this.onLoudness(loudness);
  }

  /**
   * Speech begins. What is still being told belongs to the speech before it, and would make the figure too good.
   * @param {number} atMs
   * @param {number} placeS
   */
  #noteSpeech(atMs, placeS) {
    if (!this.transcript.hasTail) this.latency.speechStarted(atMs);
    this.transcript.speechStarted(placeS);
  }

  /** @param {WireEvent} event */
  #show(event) {
    if (event.kind === "delta") this.transcript.addDelta(event.text);
    if (event.kind === "interim") this.transcript.setInterim(event.text);
    if (event.kind === "segment") this.transcript.addSegment(event.segment);
    if (event.kind === "error") this.problem = serverRemark(event.message);
    if ((event.kind === "delta" || event.kind === "interim") && event.text.trim()) {
      this.latency.textShown(performance.now());
    }
    this.onChange();
  }

  /** @param {boolean} isAwaited Whether somebody waits for the end. */
  async #finish(isAwaited) {
    if (!this.#capture || this.state === "finishing") return;
    this.#become("finishing", this.problem);
    const session = this.#session;
    await this.#capture.finish();
    session?.finish(isAwaited);
  }

  /**
   * The source ended by itself.
   * @param {CaptureError | null} error
   */
  async #end(error) {
    await this.#finish(false);
    if (error) this.#become(this.state, captureProblem(error));
  }

  /** @param {boolean} isComplete */
  async #finished(isComplete) {
    const capture = this.#capture;
    this.#capture = null;
    this.transcript.abandon();
    const problem = this.problem?.isPassing ? null : this.problem;
    this.#become("idle", problem ?? (isComplete ? null : INCOMPLETE));
    this.onLoudness([0]);
    await capture?.finish();
  }

  /**
   * @param {State} state
   * @param {Problem | null} problem
   */
  #become(state, problem) {
    this.state = state;
    this.problem = problem;
    this.onChange();
  }
}
