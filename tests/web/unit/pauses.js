import { LEVEL_MS, PauseDetector } from "/web/audio/pauses.js";
import { check, equal } from "./check.js";

/** The changes detected in spans of [level in dB, length in ms], with their times in ms. */
function detected(spans) {
  const detector = new PauseDetector(600);
  const changes = [];
  let nowMs = 0;
  for (const [level, lengthMs] of spans) {
    for (let ms = 0; ms < lengthMs; ms += LEVEL_MS) {
      nowMs += LEVEL_MS;
      const change = detector.addLevel(level);
      if (change) changes.push([change.kind, nowMs - change.agoMs]);
    }
  }
  return changes;
}

export function test_starts_and_pauses_are_detected_in_place() {
  equal(
    detected([
      [-60, 1000],
      [-25, 1500],
      [-60, 2000],
      [-25, 1000],
    ]),
    [
      ["started", 1000],
      ["paused", 2500],
      ["started", 4500],
    ],
  );
}

export function test_a_click_is_not_speech() {
  equal(
    detected([
      [-60, 1000],
      [-10, 60],
      [-60, 1000],
    ]),
    [],
  );
}

export function test_a_short_gap_is_not_a_pause() {
  equal(
    detected([
      [-60, 500],
      [-25, 1000],
      [-60, 500],
      [-25, 1000],
    ]),
    [["started", 500]],
  );
}

export function test_a_click_does_not_end_a_pause() {
  equal(
    detected([
      [-60, 500],
      [-25, 1000],
      [-60, 400],
      [-20, 40],
      [-60, 400],
    ]),
    [
      ["started", 500],
      ["paused", 1500],
    ],
  );
}

export function test_steady_noise_becomes_silence() {
  const [first, second, ...rest] = detected([
    [-60, 500],
    [-40, 15_000],
    [-20, 1000],
    [-40, 1000],
  ]);
  equal(first[0], "started");
  equal(second[0], "paused");
  equal(rest, [
    ["started", 15_500],
    ["paused", 16_500],
  ]);
}

export function test_a_soft_speaker_is_detected_after_a_loud_one() {
  const changes = detected([
    [-60, 500],
    [-10, 1000],
    [-60, 4000],
    [-35, 1000],
  ]);
  equal(changes.at(-1), ["started", 5500]);
}

export function test_loudness_is_between_0_and_1() {
  const detector = new PauseDetector();
  for (const level of [-96, -60, -20, 0]) {
    detector.addLevel(level);
    check(detector.loudness >= 0 && detector.loudness <= 1, `${level} dB gives ${detector.loudness}`);
  }
  equal(detector.loudness, 1);
}
