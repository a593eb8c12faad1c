import { LEVEL_MS, PauseDetector } from "/web/audio/pauses.js";
import { check, equal } from "./check.js";

/** What a detector says of stretches of [level in dB, length in ms], with the times of the changes in ms. */
function heard(stretches) {
  const detector = new PauseDetector(600);
  const changes = [];
  let nowMs = 0;
  for (const [level, lengthMs] of stretches) {
    for (let ms = 0; ms < lengthMs; ms += LEVEL_MS) {
      nowMs += LEVEL_MS;
      const change = detector.hear(level);
      if (change) changes.push([change.kind, nowMs - change.agoMs]);
    }
  }
  return changes;
}

export function test_speech_starts_and_pauses_where_it_does() {
  equal(
    heard([
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

export function test_a_click_is_no_speech() {
  equal(
    heard([
      [-60, 1000],
      [-10, 60],
      [-60, 1000],
    ]),
    [],
  );
}

export function test_a_short_gap_is_no_pause() {
  equal(
    heard([
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
    heard([
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

export function test_steady_noise_is_silence_after_a_while() {
  const [first, second, ...rest] = heard([
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

export function test_a_soft_voice_is_heard_after_a_loud_one() {
  const changes = heard([
    [-60, 500],
    [-10, 1000],
    [-60, 4000],
    [-35, 1000],
  ]);
  equal(changes.at(-1), ["started", 5500]);
}

export function test_loudness_is_a_share() {
  const detector = new PauseDetector();
  for (const level of [-96, -60, -20, 0]) {
    detector.hear(level);
    check(detector.loudness >= 0 && detector.loudness <= 1, `${level} dB gives ${detector.loudness}`);
  }
  equal(detector.loudness, 1);
}
