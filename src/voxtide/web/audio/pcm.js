/** PCM and levels. In: float samples in [-1, 1]. Out: 16-bit PCM, decibels. Knows no browser. */

/** The rate of all audio sent to the server. */
export const SAMPLE_RATE_HZ = 16_000;

/** The level of digital silence: the dynamic range of 16 bits. */
export const SILENCE_DB = -96;

/**
 * Signed 16-bit little-endian, clipped.
 * @param {Float32Array} samples
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function toPcm16(samples) {
  const bytes = new Uint8Array(2 * samples.length);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, index) => {
    view.setInt16(2 * index, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true);
  });
  return bytes;
}

/** The level of a whole recording. In: levels of equal parts, in dB of full scale. */
export class MeanLevel {
  #energy = 0;
  #num = 0;

  /** @param {number} level */
  add(level) {
    this.#energy += 10 ** (level / 10);
    this.#num += 1;
  }

  /** Root mean square of all parts in dB of full scale; `SILENCE_DB` without any. */
  get db() {
    return this.#num ? 10 * Math.log10(this.#energy / this.#num) : SILENCE_DB;
  }
}

/**
 * Root mean square in dB of full scale.
 * @param {Float32Array} samples
 */
export function levelDb(samples) {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  const level = 10 * Math.log10(energy / Math.max(1, samples.length));
  return Math.max(SILENCE_DB, level); // log10(0) is -Infinity
}
