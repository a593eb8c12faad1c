/**
 * Levels become speech and pauses. In: one level for each 20 ms. Out: when speech started and when it paused. A measure of
 * loudness, not of words: where it errs, a flush comes early or late, and the text stays the same.
 */

import { SILENCE_DB } from "./pcm.js";

/** Length of one level. */
export const LEVEL_MS = 20;

/** A quiet room as a microphone hears it: where the noise floor starts, and never goes below. */
const QUIETEST_FLOOR_DB = -65;

/** The floor follows noise upwards at this pace; speech falls back to it between syllables. */
const FLOOR_RISE_DB = (3 * LEVEL_MS) / 1000;

/** Speech is this much louder than the floor... */
const START_DB = 12;

/** ...and has not paused until it is down to this much. */
const STOP_DB = 8;

/** A sound shorter than this is a click. */
const MIN_SPEECH_MS = 80;

export class PauseDetector {
  #pauseMs;
  #floorDb = QUIETEST_FLOOR_DB;
  #loudMs = 0;
  #quietMs = 0;

  /** Whether somebody is speaking as far as is known. */
  isSpeech = false;

  /** @param {number} pauseMs Silence after which speech has paused. */
  constructor(pauseMs = 500) {
    this.#pauseMs = pauseMs;
  }

  /** How loud the last level was: 0 at the noise floor, 1 at full voice, for a meter. */
  loudness = 0;

  /**
   * Take the next level.
   * @param {number} level In dB of full scale.
   * @returns {{kind: "started" | "paused", agoMs: number} | null} What became known, and how long ago it happened.
   */
  hear(level) {
    this.#followFloor(level);
    const aboveDb = level - this.#floorDb;
    this.loudness = Math.max(0, Math.min(1, aboveDb / -this.#floorDb / 0.8));
    return this.isSpeech ? this.#hearPause(aboveDb) : this.#hearStart(aboveDb);
  }

  /** @param {number} level */
  #followFloor(level) {
    const heard = Math.max(level, SILENCE_DB);
    const floorDb = Math.min(this.#floorDb + FLOOR_RISE_DB, heard);
    this.#floorDb = Math.max(QUIETEST_FLOOR_DB, floorDb);
  }

  /** @param {number} aboveDb */
  #hearStart(aboveDb) {
    this.#loudMs = aboveDb >= START_DB ? this.#loudMs + LEVEL_MS : 0;
    if (this.#loudMs < MIN_SPEECH_MS) return null;
    this.isSpeech = true;
    this.#quietMs = 0;
    return /** @type {const} */ ({ kind: "started", agoMs: this.#loudMs });
  }

  /** @param {number} aboveDb */
  #hearPause(aboveDb) {
    this.#quietMs = aboveDb < STOP_DB ? this.#quietMs + LEVEL_MS : 0;
    if (this.#quietMs < this.#pauseMs) return null;
    this.isSpeech = false;
    this.#loudMs = 0;
    return /** @type {const} */ ({ kind: "paused", agoMs: this.#quietMs });
  }
}
