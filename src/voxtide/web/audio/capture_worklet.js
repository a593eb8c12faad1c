/** Runs on the audio thread. In: blocks of 128 frames. Out: messages of 80 ms of 16 kHz 16-bit PCM with their levels. */

import { LEVEL_MS } from "./pauses.js";
import { SAMPLE_RATE_HZ, levelDb, toPcm16 } from "./pcm.js";
import { Resampler } from "./resampler.js";

const CHUNK_SAMPLES = 1280; // 80 ms, one step of the models
const LEVEL_SAMPLES = (SAMPLE_RATE_HZ * LEVEL_MS) / 1000;

class CaptureProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, SAMPLE_RATE_HZ);
  #chunk = new Float32Array(CHUNK_SAMPLES);
  #numFilled = 0;
  #isPaused = false;
  #isDone = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#command(data);
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (!this.#isPaused && !this.#isDone && channels.length) this.#add(this.#resampler.process(mixed(channels)));
    return !this.#isDone;
  }

  /** @param {"pause" | "resume" | "finish"} command */
  #command(command) {
    if (command !== "finish") {
      this.#isPaused = command === "pause";
    } else if (!this.#isDone) {
      this.#isDone = true;
      this.#add(this.#resampler.finish());
      this.#post();
      this.port.postMessage(null);
    }
  }

  /** @param {Float32Array} samples */
  #add(samples) {
    for (let at = 0; at < samples.length;) {
      const part = samples.subarray(at, at + CHUNK_SAMPLES - this.#numFilled);
      this.#chunk.set(part, this.#numFilled);
      this.#numFilled += part.length;
      at += part.length;
      if (this.#numFilled === CHUNK_SAMPLES) this.#post();
    }
  }

  #post() {
    const samples = this.#chunk.subarray(0, this.#numFilled);
    this.#numFilled = 0;
    if (!samples.length) return;
    const levels = [];
    for (let at = 0; at < samples.length; at += LEVEL_SAMPLES) {
      levels.push(levelDb(samples.subarray(at, at + LEVEL_SAMPLES)));
    }
    const pcm = toPcm16(samples);
    this.port.postMessage({ pcm, levels }, [pcm.buffer]);
  }
}

/**
 * The mean of all channels.
 * @param {Float32Array[]} channels
 */
function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, index) => channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length);
}

registerProcessor("voxtide-capture", CaptureProcessor);
