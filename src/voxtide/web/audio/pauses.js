/**
 * Detects speech and pauses by loudness. In: one level per 20 ms. Out: when speech started and paused. An error only
 * shifts a flush; the text stays the same.
 */

import { SILENCE_DB } from "./pcm.js";

/** Length of one level. */
export const LEVEL_MS = 20;

/** Initial and minimum noise floor: a quiet room. */
const QUIETEST_FLOOR_DB = -65;

/** The floor rises by this much per level at most; speech returns to it between syllables. */
const FLOOR_RISE_DB = (3 * LEVEL_MS) / 1000;

/** The tracked speech level falls by this much per level, to detect a softer speaker after a louder one. */
const SPEECH_FALL_DB = (4 * LEVEL_MS) / 1000;

/** Minimum level of speech above the floor. */
const OVER_FLOOR_DB = 10;

/** Maximum distance below the recent speech level: below it are breath and echo. */
const UNDER_SPEECH_DB = 18;

/** A shorter sound is a click. */
const MIN_SPEECH_MS = 80;

export class PauseDetector {
  #pauseMs;
  #floorDb = QUIETEST_FLOOR_DB;
  #speechDb = SILENCE_DB;
  #loudMs = 0;
  #quietMs = 0;

  /** Whether speech is in progress. */
  isSpeech = false;

  /** The last level for a meter: 0 at the noise floor, 1 for loud speech. */
  loudness = 0;

  /** @param {number} pauseMs Silence after which speech has paused. */
  constructor(pauseMs = 600) {
    this.#pauseMs = pauseMs;
  }

  /**
   * Add the next level.
   * @param {number} level In dB of full scale.
   * @returns {{kind: "started" | "paused", agoMs: number} | null} The change detected, and how long ago it happened.
   */
  addLevel(level) {
    this.#floorDb = Math.max(QUIETEST_FLOOR_DB, Math.min(this.#floorDb + FLOOR_RISE_DB, level));
    this.#speechDb = Math.max(this.#speechDb - SPEECH_FALL_DB, level);
    this.loudness = Math.max(0, Math.min(1, (level - this.#floorDb) / -this.#floorDb / 0.8));
    const isLoud = level > Math.max(this.#floorDb + OVER_FLOOR_DB, this.#speechDb - UNDER_SPEECH_DB);
    this.#loudMs = isLoud ? this.#loudMs + LEVEL_MS : 0;
    this.#quietMs = this.#loudMs >= MIN_SPEECH_MS ? 0 : this.#quietMs + LEVEL_MS;
    return this.#change();
  }

  /** @returns {{kind: "started" | "paused", agoMs: number} | null} */
  #change() {
    if (!this.isSpeech && this.#loudMs >= MIN_SPEECH_MS) {
      this.isSpeech = true;
      return { kind: "started", agoMs: this.#loudMs };
    }
    if (this.isSpeech && this.#quietMs >= this.#pauseMs) {
      this.isSpeech = false;
      return { kind: "paused", agoMs: this.#quietMs };
    }
    return null;
  }
}
