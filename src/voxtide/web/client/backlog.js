/**
 * Bounded replay buffer. In: PCM as it is captured. Out: the same from any offset that is still buffered. Offsets count
 * bytes of all audio since the page was cleared. When full, the oldest audio is dropped and counted.
 */

import { SAMPLE_RATE_HZ } from "../audio/pcm.js";

const BYTES_PER_S = 2 * SAMPLE_RATE_HZ;

/** Two minutes, 4 MB: longer outages lose audio. */
const MAX_BYTES = 120 * BYTES_PER_S;

/** @param {number} offset */
export function secondsAt(offset) {
  return offset / BYTES_PER_S;
}

/** @param {number} timeS */
export function offsetAt(timeS) {
  return 2 * Math.round(timeS * SAMPLE_RATE_HZ);
}

export class Backlog {
  /** @type {Uint8Array[]} */ #chunks = [];
  #start;
  #end;
  #maxBytes;

  /**
   * @param {number} maxBytes
   * @param {number} start Offset of the first audio.
   */
  constructor(maxBytes = MAX_BYTES, start = 0) {
    this.#maxBytes = maxBytes;
    this.#start = this.#end = start;
  }

  /** Offset of the oldest buffered byte. */
  get start() {
    return this.#start;
  }

  get end() {
    return this.#end;
  }

  /**
   * @param {Uint8Array} chunk
   * @returns {number} How many bytes of the oldest audio were dropped to make room.
   */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#end += chunk.length;
    const before = this.#start;
    while (this.#end - this.#start > this.#maxBytes) this.#dropFirst();
    return this.#start - before;
  }

  /**
   * Drop the chunks that end at or before `offset`.
   * @param {number} offset
   */
  dropBefore(offset) {
    while (this.#chunks.length && this.#start + this.#chunks[0].length <= offset) this.#dropFirst();
  }

  /**
   * The first buffered audio at or after `offset`, up to the end of its chunk.
   * @param {number} offset
   * @returns {Uint8Array | null}
   */
  chunkAt(offset) {
    let start = this.#start;
    for (const chunk of this.#chunks) {
      if (offset < start + chunk.length) return chunk.subarray(Math.max(0, offset - start));
      start += chunk.length;
    }
    return null;
  }

  #dropFirst() {
    this.#start += this.#chunks[0].length;
    this.#chunks.shift();
  }
}
