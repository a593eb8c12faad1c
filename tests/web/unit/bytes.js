import { SILENCE_DB, levelDb, toPcm16 } from "/web/audio/pcm.js";
import { toBase64 } from "/web/client/base64.js";
import { check, equal } from "./check.js";

export function test_base64_round_trips_every_byte() {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => (n * 31) % 256);
  const back = Uint8Array.from(atob(toBase64(bytes)), (letter) => letter.charCodeAt(0));
  equal([...back], [...bytes]);
}

export function test_base64_is_standard_with_padding() {
  equal(toBase64(Uint8Array.of()), "");
  equal(toBase64(Uint8Array.of(0xfb, 0xff)), "+/8=");
  equal(toBase64(Uint8Array.of(0xff, 0xff, 0xfe)), "///+");
}

export function test_samples_are_little_endian_and_clipped() {
  equal([...toPcm16(Float32Array.of(0, 0.5, -1, 2, -2, 1 / 32768))], [0, 0, 0, 64, 0, 128, 255, 127, 0, 128, 1, 0]);
}

export function test_levels_are_decibels_of_full_scale() {
  equal(levelDb(new Float32Array(320)), SILENCE_DB);
  equal(levelDb(new Float32Array(0)), SILENCE_DB);
  equal(levelDb(new Float32Array(320).fill(1)), 0);
  check(Math.abs(levelDb(new Float32Array(320).fill(0.1)) + 20) < 1e-5, "a tenth is -20 dB");
}
