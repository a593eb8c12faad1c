/**
 * Audio that may have to be sent again. In: PCM as it is captured. Out: the same from any place that is still needed.
 * Places count bytes of all audio since the page was opened. Bounded: the oldest goes first, and is counted.
 */

import { SAMPLE_RATE_HZ } from "../audio/pcm.js";

const BYTES_PER_S = 2 * SAMPLE_RATE_HZ;

/** What is kept at most: two minutes, 4 MB. A server that is away for longer is not coming back at once. */
const MAX_BYTES = 120 * BYTES_PER_S;

/** @param {number} place */
export function secondsAt(place) {
  return place / BYTES_PER_S;
}

export class Backlog {
  /** @type {Uint8Array[]} */ #chunks = [];
  #start = 0;
  #end = 0;
  #maxBytes;

  /** @param {number} maxBytes */
  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Where the audio begins that is still here. */
  get start() {
    return this.#start;
  }

  /** Where it ends. */
  get end() {
    return this.#end;
  }

  /**
   * @param {Uint8Array} chunk
   * @returns {number} How many bytes of the oldest audio had to go for it.
   */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#end += chunk.length;
    const before = this.#start;
    while (this.#end - this.#start > this.#maxBytes) this.#dropFirst();
    return this.#start - before;
  }

  /**
   * What lies before `place` is not needed any more. Whole chunks only; a chunk that straddles it stays.
   * @param {number} place
   */
  forgetBefore(place) {
    while (this.#chunks.length && this.#start + this.#chunks[0].length <= place) this.#dropFirst();
  }

  /**
   * The first piece of audio at or after `place`, up to the end of its chunk.
   * @param {number} place
   * @returns {Uint8Array | null}
   */
  pieceAt(place) {
    let start = this.#start;
    for (const chunk of this.#chunks) {
      if (place < start + chunk.length) return chunk.subarray(Math.max(0, place - start));
      start += chunk.length;
    }
    return null;
  }

  #dropFirst() {
    this.#start += this.#chunks[0].length;
    this.#chunks.shift();
  }
}
