import { Resampler } from "/web/audio/resampler.js";
import { check, equal } from "./check.js";

/** A sine of full scale, `lengthS` long. */
function tone(frequencyHz, rateHz, lengthS = 0.5) {
  return Float32Array.from({ length: rateHz * lengthS }, (_, n) => Math.sin((2 * Math.PI * frequencyHz * n) / rateHz));
}

function resampled(samples, fromHz, toHz, blockSamples = 128) {
  const resampler = new Resampler(fromHz, toHz);
  const blocks = [];
  for (let at = 0; at < samples.length; at += blockSamples) {
    blocks.push(resampler.process(samples.subarray(at, at + blockSamples)));
  }
  return Float32Array.from([...blocks, resampler.finish()].flatMap((block) => [...block]));
}

/** Without the transients at both ends. */
function middle(samples) {
  return samples.subarray(samples.length / 4, (3 * samples.length) / 4);
}

function gainDb(samples) {
  const power = middle(samples).reduce((sum, sample) => sum + sample * sample, 0) / middle(samples).length;
  return 10 * Math.log10(2 * power + 1e-20);
}

export function test_speech_frequencies_are_unchanged() {
  for (const rateHz of [44100, 48000, 96000]) {
    for (const frequencyHz of [100, 1000, 4000, 6500]) {
      const gain = gainDb(resampled(tone(frequencyHz, rateHz), rateHz, 16000));
      check(Math.abs(gain) < 0.1, `${frequencyHz} Hz from ${rateHz} Hz: ${gain} dB`);
    }
  }
}

export function test_frequencies_above_nyquist_are_removed() {
  for (const rateHz of [44100, 48000, 96000]) {
    for (const frequencyHz of [8100, 9000, 12000, 15900, 20000]) {
      const gain = gainDb(resampled(tone(frequencyHz, rateHz), rateHz, 16000));
      check(gain < -75, `${frequencyHz} Hz from ${rateHz} Hz: ${gain} dB`);
    }
  }
}

export function test_there_is_no_delay() {
  for (const rateHz of [8000, 22050, 44100, 48000]) {
    const actual = resampled(tone(440, rateHz), rateHz, 16000);
    const expected = tone(440, 16000);
    const error = Math.max(...middle(actual).map((sample, n) => Math.abs(sample - middle(expected)[n])));
    check(error < 1e-3, `from ${rateHz} Hz: ${error}`);
  }
}

export function test_the_length_is_preserved() {
  for (const rateHz of [8000, 16000, 44100, 48000, 96000]) {
    equal(resampled(tone(440, rateHz), rateHz, 16000).length, 8000);
  }
  equal(resampled(new Float32Array(1), 48000, 16000).length, 0);
  equal(resampled(new Float32Array(0), 48000, 16000).length, 0);
}

export function test_the_output_is_independent_of_block_size() {
  const sound = tone(1234, 44100, 0.3);
  const whole = resampled(sound, 44100, 16000, sound.length);
  for (const blockSamples of [1, 7, 128, 5000]) {
    equal([...resampled(sound, 44100, 16000, blockSamples)], [...whole]);
  }
}

export function test_a_constant_is_preserved() {
  const constant = new Float32Array(48000).fill(0.5);
  const error = Math.max(...middle(resampled(constant, 44100, 16000)).map((sample) => Math.abs(sample - 0.5)));
  check(error < 1e-6, `${error}`);
}
