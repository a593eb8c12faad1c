/** State, problems, figures and buttons. In: a recorder. Out: the page around the captions. */

/** @import { Recorder, State } from "../app/recorder.js" */
/** @import { Figure } from "../text/latency.js" */

import { shortTime } from "../text/writers.js";
import { element } from "./element.js";

/** @type {Record<State, string>} */
const STATUS = {
  idle: "Ready",
  starting: "Starting",
  listening: "Listening",
  waiting: "Waiting for the server",
  finishing: "Finishing",
};

/** @type {[id: string, figure: Figure][]} */
const FIGURES = [
  ["first-text", "firstText"],
  ["settled", "settled"],
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
    for (const [id, figure] of FIGURES) setText(element(id), figureText(recorder.latency.medianMs(figure)));
    this.drawClock(recorder);
  }

  /** @param {Recorder} recorder */
  drawClock({ heardS, lengthS }) {
    setText(this.#clock, lengthS === null ? shortTime(heardS) : `${shortTime(heardS)} / ${shortTime(lengthS)}`);
  }

  /** @param {Recorder} recorder */
  #drawProblem({ problem }) {
    this.#problem.hidden = !problem;
    if (!problem) return;
    this.#problem.classList.toggle("is-passing", problem.isPassing);
    setText(this.#problemTitle, problem.title);
    setText(this.#problemRemedy, problem.remedy);
    this.#problemAction.hidden = problem.action !== "key";
  }

  /** @param {Recorder} recorder */
  #drawButtons({ state, isActive, transcript }) {
    const isDisabled = {
      flush: state !== "listening" && state !== "waiting",
      "open-file": isActive,
      copy: transcript.isEmpty,
      "save-txt": transcript.isEmpty,
      "save-srt": transcript.isEmpty,
      clear: transcript.isEmpty || isActive,
    };
    for (const [id, value] of Object.entries(isDisabled)) {
      /** @type {HTMLButtonElement} */ (element(id)).disabled = value;
    }
  }
}

/** @param {number | null} medianMs */
function figureText(medianMs) {
  return medianMs === null ? "–" : `${Math.round(medianMs)} ms`;
}

/**
 * Only where it differs: a live region reads every change.
 * @param {HTMLElement} target
 * @param {string} text
 */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
