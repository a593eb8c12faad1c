/** State, problems, latencies and buttons. In: a recorder. Out: the page around the captions. */

/** @import { Recorder, State } from "../app/recorder.js" */
/** @import { Metric } from "../text/latency.js" */

import { shortTime } from "../text/writers.js";
import { element } from "./element.js";

/** @type {Record<State, string>} */
const STATUS = {
  idle: "Ready",
  starting: "Starting",
  transcribing: "Transcribing",
  waiting: "Waiting for the server",
  finishing: "Finishing",
};

/** @type {[id: string, metric: Metric][]} */
const LATENCIES = [
  ["first-text", "firstText"],
  ["pause-to-final", "pauseToFinal"],
  ["flush-answer", "flush"],
];

export class StatusView {
  #status = element("status");
  #start = /** @type {HTMLButtonElement} */ (element("start"));
  #startLabel = element("start-label");
  #problem = element("problem");
  #problemTitle = element("problem-title");
  #problemRemedy = element("problem-remedy");
  #problemAction = element("problem-action");
  #clock = element("clock");

  /** @param {Recorder} recorder */
  draw(recorder) {
    const { state, isActive } = recorder;
    document.body.dataset.state = state;
    document.body.toggleAttribute("data-active", isActive);
    setText(this.#status, STATUS[state]);
    setText(this.#startLabel, isActive ? "Stop" : "Start");
    this.#start.disabled = state === "finishing";
    this.#drawProblem(recorder);
    this.#drawButtons(recorder);
    for (const [id, metric] of LATENCIES) setText(element(id), latencyText(recorder.latency.medianMs(metric)));
    this.drawClock(recorder);
  }

  /** @param {Recorder} recorder */
  drawClock({ audioS, lengthS }) {
    setText(this.#clock, lengthS === null ? shortTime(audioS) : `${shortTime(audioS)} / ${shortTime(lengthS)}`);
  }

  /** @param {boolean} isShown */
  showLatencies(isShown) {
    element("latencies").hidden = !isShown;
  }

  /** @param {Recorder} recorder */
  #drawProblem({ problem }) {
    this.#problem.hidden = !problem;
    if (!problem) return;
    this.#problem.classList.toggle("is-transient", problem.isTransient);
    setText(this.#problemTitle, problem.title);
    setText(this.#problemRemedy, problem.remedy);
    this.#problemAction.hidden = problem.action !== "key";
  }

  /** @param {Recorder} recorder */
  #drawButtons({ state, isActive, transcript }) {
    const isDisabled = {
      flush: state !== "transcribing" && state !== "waiting",
      "open-file": isActive,
      copy: transcript.isEmpty,
      "open-save": transcript.isEmpty,
      edit: transcript.isEmpty || isActive,
      clear: transcript.isEmpty || isActive,
      "open-sessions": isActive,
    };
    for (const [id, value] of Object.entries(isDisabled)) {
      /** @type {HTMLButtonElement} */ (element(id)).disabled = value;
    }
  }
}

/** @param {number | null} medianMs */
function latencyText(medianMs) {
  return medianMs === null ? "–" : `${Math.round(medianMs)} ms`;
}

/**
 * Set only a different text: screen readers read out every change of a live region.
 * @param {HTMLElement} target
 * @param {string} text
 */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
