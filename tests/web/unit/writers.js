import { numColumns } from "/web/text/columns.js";
import { LINE_COLUMNS, MIN_CUE_MS, splitCues } from "/web/text/cues.js";
import { shortTime, toJson, toSrt, toTxt, toVtt } from "/web/text/writers.js";
import { check, equal } from "./check.js";

const segment = (text, startS, endS, isNewSource = false) => ({ text, startS, endS, isNewSource });

export function test_srt_format() {
  equal(
    toSrt([segment("Ever tried.", 0.25, 1.2), segment("Ever failed.", 3661.5, 3662.75)]),
    "1\n00:00:00,250 --> 00:00:01,200\nEver tried.\n\n2\n01:01:01,500 --> 01:01:02,750\nEver failed.\n",
  );
  equal(toSrt([]), "");
}

export function test_vtt_format() {
  equal(
    toVtt([segment("Tried & <failed>.", 0.25, 1.2), segment("No.", 3661.5, 3662.75)]),
    "WEBVTT\n\n00:00:00.250 --> 00:00:01.200\nTried &amp; &lt;failed&gt;.\n\n01:01:01.500 --> 01:01:02.750\nNo.\n",
  );
  equal(toVtt([]), "WEBVTT\n");
}

export function test_json_format() {
  const written = JSON.parse(toJson([segment("A.", 0.25, 1.20049), segment("B.", 2, 3)], { language: "", audioS: 4 }));
  equal(written, {
    text: "A. B.",
    language: null,
    audio_s: 4,
    segments: [
      { text: "A.", start_s: 0.25, end_s: 1.2 },
      { text: "B.", start_s: 2, end_s: 3 },
    ],
  });
}

export function test_cues_have_at_most_two_lines_that_fit() {
  const words = Array.from({ length: 200 }, (_, n) => "word".repeat(1 + (n % 3)) + (n % 11 ? "" : "."));
  const cues = splitCues([segment(words.join(" "), 0, 100)]);
  for (const { lines } of cues) {
    check(lines.length <= 2, `${lines}`);
    for (const line of lines) check(numColumns(line) <= LINE_COLUMNS, line);
  }
  equal(cues.flatMap(({ lines }) => lines).join(" "), words.join(" "));
}

export function test_cues_never_overlap_and_have_a_duration() {
  const cues = splitCues([segment("One two.", 1, 2), segment("Three.", 1.5, 1.5), segment("Four.", 1.4, 3)]);
  for (const [index, { startMs, endMs }] of cues.entries()) {
    check(endMs > startMs, "a cue lasts");
    check(startMs >= (cues[index - 1]?.endMs ?? 0), "a cue begins after the one before");
  }
}

export function test_text_without_spaces_is_split_into_lines() {
  const text = "語".repeat(100);
  const cues = splitCues([segment(text, 0, 20)]);
  check(
    cues.every(({ lines }) => lines.every((line) => numColumns(line) <= LINE_COLUMNS)),
    "a line is too long",
  );
  equal(cues.flatMap(({ lines }) => lines).join(""), text);
}

export function test_txt_has_paragraphs() {
  const segments = [segment("A.", 0, 1), segment("B.", 1.5, 2), segment("C.", 5, 6), segment("D.", 6, 7, true)];
  equal(toTxt(segments), "A. B.\n\nC.\n\nD.\n");
  equal(toTxt([]), "");
}

export function test_short_times() {
  equal([0, 5.9, 65, 3723].map(shortTime), ["0:00", "0:05", "1:05", "1:02:03"]);
}

const durations = (segments) => splitCues(segments).map(({ startMs, endMs }) => endMs - startMs);

export function test_a_short_cue_gets_the_pause_after_it() {
  equal(durations([segment("Yes.", 1, 1.2), segment("No.", 5, 5.3)]), [MIN_CUE_MS, MIN_CUE_MS]);
  equal(durations([segment("Yes.", 1, 1.2), segment("No, not that one.", 1.5, 4)]), [MIN_CUE_MS, 4000 - 1000 - MIN_CUE_MS]);
  equal(durations([segment("No, not that one.", 1.5, 4), segment("Yes.", 4, 4.2), segment("No.", 4.2, 4.4)]).slice(1), [
    MIN_CUE_MS,
    MIN_CUE_MS,
  ]);
}

export function test_cues_stay_in_order_whatever_their_times() {
  let seed = 5;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 200; round++) {
    let at = 0;
    const segments = Array.from({ length: 8 }, () => {
      const startS = (at += random() * random());
      return segment("word ".repeat(1 + random() * 30), startS, (at += random() * 6));
    });
    splitCues(segments).forEach(({ startMs, endMs }, index, cues) => {
      check(endMs > startMs && startMs >= (cues[index - 1]?.endMs ?? 0), `cue ${index} overlaps`);
    });
  }
}
