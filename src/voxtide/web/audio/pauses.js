/**
 * Levels become speech and pauses. In: one level for each 20 ms. Out: when speech started and when it paused. A measure
 * of loudness, not of words: where it errs, a flush comes early or late, and the text stays the same.
 */

import { SILENCE_DB } from "./pcm.js";

/** Length of one level. */
export const LEVEL_MS = 20;

/** A quiet room as a microphone hears it: where the noise floor starts, and never goes below. */
const QUIETEST_FLOOR_DB = -65;

/** The floor follows noise upwards at this pace; speech falls back to it between syllables. */
const FLOOR_RISE_DB = (3 * LEVEL_MS) / 1000;

/** The voice's own loudness is forgotten at this pace, so that a softer speaker is heard after a louder one. */
const VOICE_FALL_DB = (4 * LEVEL_MS) / 1000;

/** Speech is so much louder than the floor... */
const OVER_FLOOR_DB = 10;

/** ...and hardly so much softer than the voice was lately: what is softer is breath and echo. */
const UNDER_VOICE_DB = 18;

/** A sound shorter than this is a click. */
const MIN_SPEECH_MS = 80;

export class PauseDetector {
  #pauseMs;
  #floorDb = QUIETEST_FLOOR_DB;
  #voiceDb = SILENCE_DB;
  #loudMs = 0;
  #quietMs = 0;

  /** Whether somebody is speaking as far as is known. */
  isSpeech = false;

  /** How loud the last level was: 0 at the noise floor, 1 at full voice, for a meter. */
  loudness = 0;

  /** @param {number} pauseMs Silence after which speech has paused. */
  constructor(pauseMs = 600) {
    this.#pauseMs = pauseMs;
  }

  /**
   * Take the next level.
   * @param {number} level In dB of full scale.
   * @returns {{kind: "started" | "paused", agoMs: number} | null} What became known, and how long ago it happened.
   */
  hear(level) {
    this.#floorDb = Math.max(QUIETEST_FLOOR_DB, Math.min(this.#floorDb + FLOOR_RISE_DB, level));
    this.#voiceDb = Math.max(this.#voiceDb - VOICE_FALL_DB, level);
    this.loudness = Math.max(0, Math.min(1, (level - this.#floorDb) / -this.#floorDb / 0.8));
    const isLoud = level > Math.max(this.#floorDb + OVER_FLOOR_DB, this.#voiceDb - UNDER_VOICE_DB);
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
