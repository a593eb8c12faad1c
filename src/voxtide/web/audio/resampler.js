/**
 * One rate becomes another, as a stream. In: samples at any rate, in blocks of any length. Out: samples at the wanted
 * rate, low-passed below its Nyquist frequency. Knows no browser.
 *
 * Output n lies at input position n * fromHz / toHz, and is a windowed sinc laid over the inputs around it. The two
 * rates share a divisor, so only a few distances between outputs and inputs occur; each has its own row of weights.
 */

/** Where the pass band ends, as a share of the lower Nyquist frequency: half the power is gone here. */
const CUTOFF_SHARE = 0.92;

/** Zero crossings of the sinc on either side: wide enough that 80 dB are gone at the Nyquist frequency. */
const NUM_CROSSINGS = 30;

/** Shape of the Kaiser window for 80 dB: 0.1102 * (80 - 8.7). */
const KAISER_BETA = 7.857;

/** Samples taken at once; longer blocks are cut. */
const BLOCK_SAMPLES = 4096;

export class Resampler {
  #step; // input samples between outputs, as a fraction #step / #numPhases
  #numPhases;
  #halfTaps;
  #weights; // one row of 2 * halfTaps for each phase
  #window; // the inputs that outputs to come still need
  #numHeld; // how many of them are there
  #next = 0; // the next output's position in #window, in units of 1 / numPhases
  #numIn = 0;
  #numOut = 0;

  /**
   * @param {number} fromHz The rate of what comes in.
   * @param {number} toHz The rate of what goes out.
   */
  constructor(fromHz, toHz) {
    const divisor = greatestCommonDivisor(Math.round(fromHz), Math.round(toHz));
    this.#numPhases = Math.round(toHz) / divisor;
    this.#step = Math.round(fromHz) / divisor;
    const cutoff = (CUTOFF_SHARE * Math.min(fromHz, toHz)) / 2 / fromHz; // cycles per input sample
    this.#halfTaps = Math.ceil(NUM_CROSSINGS / (2 * cutoff));
    this.#weights = weights(this.#numPhases, this.#halfTaps, cutoff);
    this.#window = new Float32Array(2 * this.#halfTaps + BLOCK_SAMPLES);
    this.#numHeld = this.#halfTaps - 1; // silence before the first sample
  }

  /**
   * Take samples and give all outputs that are certain by now: those half a filter's length behind the newest input.
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  process(samples) {
    this.#numIn += samples.length;
    return this.#run(samples, Infinity);
  }

  /**
   * Give the rest, as if silence followed. Nothing may be processed after.
   * @returns {Float32Array}
   */
  finish() {
    const numWanted = Math.round((this.#numIn * this.#numPhases) / this.#step) - this.#numOut;
    return this.#run(new Float32Array(2 * this.#halfTaps), Math.max(0, numWanted));
  }

  /**
   * @param {Float32Array} samples
   * @param {number} mostOut
   */
  #run(samples, mostOut) {
    const room = Math.ceil(((samples.length + 1) * this.#numPhases) / this.#step) + 1;
    const out = new Float32Array(Math.min(mostOut, room));
    let numDone = 0;
    for (let at = 0; at < samples.length; at += BLOCK_SAMPLES) {
      const block = samples.subarray(at, at + BLOCK_SAMPLES);
      this.#window.set(block, this.#numHeld);
      this.#numHeld += block.length;
      numDone = this.#fill(out, numDone);
      this.#forget();
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
      if (start + numTaps > this.#numHeld) break;
      const row = (this.#next % this.#numPhases) * numTaps;
      let sum = 0;
      for (let tap = 0; tap < numTaps; tap++) sum += this.#window[start + tap] * this.#weights[row + tap];
      out[filled] = sum;
    }
    return filled;
  }

  #forget() {
    const numUsed = Math.min(this.#numHeld, Math.floor(this.#next / this.#numPhases));
    this.#window.copyWithin(0, numUsed, this.#numHeld);
    this.#numHeld -= numUsed;
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
    for (let tap = 0; tap < row.length; tap++) row[tap] /= sum; // a constant comes out as it went in
  }
  return rows;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** @param {number} place From -1 to 1 over the window. */
function kaiser(place) {
  return Math.abs(place) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - place * place)) / bessel(KAISER_BETA);
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
