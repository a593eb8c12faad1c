/** The level of the last seconds. In: loudness from 0 to 1. Out: bars on a canvas, and a meter for screen readers. */

import { element } from "./element.js";

const BAR_PX = 3;
const GAP_PX = 3;
const SILENT_PX = 3; // height of a bar of silence
const NUM_PER_BAR = 3; // loudness values of 20 ms

/** Minimum interval between updates of the meter for screen readers. */
const METER_MS = 500;

export class Waves {
  #canvas = /** @type {HTMLCanvasElement} */ (element("waves"));
  #meter = element("level");
  #paint = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
  /** @type {number[]} */ #bars = [];
  /** @type {number[]} */ #partial = [];
  #meterMs = 0;

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {number[]} loudness */
  addLoudness(loudness) {
    for (const value of loudness) {
      this.#partial.push(value);
      if (this.#partial.length < NUM_PER_BAR) continue;
      this.#bars.push(Math.max(...this.#partial));
      this.#partial = [];
    }
    this.#bars.splice(0, Math.max(0, this.#bars.length - 400));
    this.#updateMeter(loudness.at(-1) ?? 0);
    requestAnimationFrame(() => this.#draw());
  }

  /** Apply changed colours. */
  redraw() {
    this.#draw();
  }

  /** @param {number} loudness */
  #updateMeter(loudness) {
    const nowMs = performance.now();
    if (nowMs - this.#meterMs < METER_MS && loudness) return;
    this.#meterMs = nowMs;
    this.#meter.setAttribute("aria-valuenow", String(Math.round(loudness * 100)));
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    this.#paint.scale(scale, scale);
    this.#paint.fillStyle = getComputedStyle(this.#canvas).color;
    const num = Math.floor(width / (BAR_PX + GAP_PX));
    for (let index = 0; index < num; index++) {
      const loudness = this.#bars[this.#bars.length - num + index] ?? 0;
      const barHeight = SILENT_PX + loudness * (height - SILENT_PX);
      this.#paint.globalAlpha = loudness ? 0.35 + 0.65 * (index / num) : 0.22;
      this.#paint.beginPath();
      this.#paint.roundRect(index * (BAR_PX + GAP_PX), (height - barHeight) / 2, BAR_PX, barHeight, BAR_PX / 2);
      this.#paint.fill();
    }
  }
}
