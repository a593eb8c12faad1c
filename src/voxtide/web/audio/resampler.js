/**
 * Streaming resampler. In: samples at any rate, in blocks of any length. Out: samples at the target rate, low-passed
 * below its Nyquist frequency. Knows no browser.
 *
 * A polyphase filter: output n is a windowed sinc around input position n * fromHz / toHz. The rates share a divisor, so
 * only a few phases occur; each has its own row of weights.
 */

/** Cutoff (-3 dB) as a share of the lower Nyquist frequency. */
const CUTOFF_SHARE = 0.92;

/** Zero crossings of the sinc on each side: enough for 80 dB of attenuation at the Nyquist frequency. */
const NUM_CROSSINGS = 30;

/** Shape of the Kaiser window for 80 dB: 0.1102 * (80 - 8.7). */
const KAISER_BETA = 7.857;

/** Samples processed at once; longer blocks are split. */
const BLOCK_SAMPLES = 4096;

export class Resampler {
  #step; // input samples between outputs, as a fraction #step / #numPhases
  #numPhases;
  #halfTaps;
  #weights; // one row of 2 * halfTaps per phase
  #window; // inputs that later outputs need
  #numBuffered; // their number
  #next = 0; // the next output's position in #window, in units of 1 / numPhases
  #numIn = 0;
  #numOut = 0;

  /**
   * @param {number} fromHz Input rate.
   * @param {number} toHz Output rate.
   */
  constructor(fromHz, toHz) {
    const divisor = greatestCommonDivisor(Math.round(fromHz), Math.round(toHz));
    this.#numPhases = Math.round(toHz) / divisor;
    this.#step = Math.round(fromHz) / divisor;
    const cutoff = (CUTOFF_SHARE * Math.min(fromHz, toHz)) / 2 / fromHz; // cycles per input sample
    this.#halfTaps = Math.ceil(NUM_CROSSINGS / (2 * cutoff));
    this.#weights = weights(this.#numPhases, this.#halfTaps, cutoff);
    this.#window = new Float32Array(2 * this.#halfTaps + BLOCK_SAMPLES);
    this.#numBuffered = this.#halfTaps - 1; // silence before the first sample
  }

  /**
   * Add samples; returns the outputs that need no further input: those at least half a filter behind the newest one.
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  process(samples) {
    this.#numIn += samples.length;
    return this.#run(samples, Infinity);
  }

  /**
   * Return the rest, padding with silence. Do not call `process` afterwards.
   * @returns {Float32Array}
   */
  finish() {
    const numRest = Math.round((this.#numIn * this.#numPhases) / this.#step) - this.#numOut;
    return this.#run(new Float32Array(2 * this.#halfTaps), Math.max(0, numRest));
  }

  /**
   * @param {Float32Array} samples
   * @param {number} maxOut
   */
  #run(samples, maxOut) {
    const bound = Math.ceil(((samples.length + 1) * this.#numPhases) / this.#step) + 1;
    const out = new Float32Array(Math.min(maxOut, bound));
    let numDone = 0;
    for (let at = 0; at < samples.length; at += BLOCK_SAMPLES) {
      const block = samples.subarray(at, at + BLOCK_SAMPLES);
      this.#window.set(block, this.#numBuffered);
      this.#numBuffered += block.length;
      numDone = this.#fill(out, numDone);
      this.#discard();
    }
    this.#numOut += numDone;
    return out.subarray(0, numDone);
  }

  /**
   * @param {Float32Array} out
   * @param {number} from
   */
  #fill(out, from) {
    const numTaps = 2 * this.#halfTaps;
    let filled = from;
    for (; filled < out.length; filled++, this.#next += this.#step) {
      const start = Math.floor(this.#next / this.#numPhases);
      if (start + numTaps > this.#numBuffered) break;
      const row = (this.#next % this.#numPhases) * numTaps;
      let sum = 0;
      for (let tap = 0; tap < numTaps; tap++) sum += this.#window[start + tap] * this.#weights[row + tap];
      out[filled] = sum;
    }
    return filled;
  }

  #discard() {
    const numUsed = Math.min(this.#numBuffered, Math.floor(this.#next / this.#numPhases));
    this.#window.copyWithin(0, numUsed, this.#numBuffered);
    this.#numBuffered -= numUsed;
    this.#next -= numUsed * this.#numPhases;
  }
}

/**
 * @param {number} numPhases
 * @param {number} halfTaps
 * @param {number} cutoff In cycles per input sample.
 */
function weights(numPhases, halfTaps, cutoff) {
  const rows = new Float32Array(numPhases * 2 * halfTaps);
  for (let phase = 0; phase < numPhases; phase++) {
    const row = rows.subarray(phase * 2 * halfTaps, (phase + 1) * 2 * halfTaps);
    let sum = 0;
    for (let tap = 0; tap < row.length; tap++) {
      const distance = tap - (halfTaps - 1) - phase / numPhases;
      row[tap] = sinc(2 * cutoff * distance) * kaiser(distance / halfTaps);
      sum += row[tap];
    }
    for (let tap = 0; tap < row.length; tap++) row[tap] /= sum; // unity gain at 0 Hz
  }
  return rows;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** @param {number} x From -1 to 1 over the window. */
function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/**
 * The modified Bessel function of order 0, by its power series.
 * @param {number} x
 */
function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
