import { Latency } from "/web/text/latency.js";
import { Transcript, withoutPrefix } from "/web/text/transcript.js";
import { toTxt } from "/web/text/writers.js";
import { MIN_CUE_MS, splitCues } from "/web/text/cues.js";
import { check, equal } from "./check.js";

const segment = (text, startS, endS) => ({ text, startS, endS });
const texts = (transcript) => transcript.segments.map(({ text, startS, endS }) => [text, startS, endS]);

export function test_deltas_segments_and_an_answer_are_one_text() {
  const transcript = new Transcript();
  transcript.addDelta("Ever tried.");
  transcript.setInterim(" Ever");
  equal([transcript.pending.text, transcript.interim], [" Ever tried.", " Ever"]);
  transcript.addDelta(" Ever failed.");
  transcript.addSegment(segment("Ever tried. Ever failed.", 0.3, 1.9));
  transcript.finalize("Ever tried. Ever failed.", [segment("Ever tried. Ever failed.", 0.3, 1.9)], 0, 2.5);
  equal(texts(transcript), [["Ever tried. Ever failed.", 0.3, 1.9]]);
  equal([transcript.final.length, transcript.pending.text, transcript.interim], [1, "", ""]);
}

export function test_an_answer_without_segments_gets_the_position_of_its_flushes() {
  const transcript = new Transcript();
  transcript.addDelta("Hello");
  transcript.finalize("Hello there.", [], 1, 4);
  equal(texts(transcript), [["Hello there.", 1, 4]]);
}

export function test_text_after_the_last_segment_is_kept() {
  const transcript = new Transcript();
  transcript.addDelta("One. Two");
  transcript.addSegment(segment("One.", 0, 1));
  transcript.finalize("One. Two", [], 0, 2);
  equal(texts(transcript), [
    ["One.", 0, 1],
    ["Two", 1, 2],
  ]);
}

export function test_the_answer_overrides_deltas_that_differ() {
  const transcript = new Transcript();
  transcript.addDelta("Hello wold");
  transcript.finalize("Hello world.", [segment("Hello world.", 0.1, 0.9)], 0, 1);
  equal(texts(transcript), [["Hello world.", 0.1, 0.9]]);
}

export function test_text_begins_where_speech_began() {
  const transcript = new Transcript();
  transcript.speechStarted(3.2);
  transcript.setInterim("Hel");
  transcript.speechStarted(5); // after a click
  transcript.addDelta("Hello");
  equal([transcript.pending.startS, transcript.hasPending], [3.2, true]);
  transcript.addSegment(segment("Hello", 3.1, 3.9));
  equal(transcript.pending.startS, 3.1);
}

export function test_open_text_has_the_times_of_its_audio() {
  const transcript = new Transcript();
  transcript.speechStarted(2);
  transcript.setInterim("Nine", 2.5);
  transcript.addDelta("Nine seconds of text in a segment", 6);
  transcript.addDelta(" that has not ended yet.", 11);
  transcript.setInterim(" And", 12);
  equal(texts(transcript), [["Nine seconds of text in a segment that has not ended yet.", 2, 11]]);
  equal([transcript.shown[0].endS, transcript.shown[0].text.slice(-4)], [12, " And"]);
  const cues = splitCues(transcript.segments);
  check(cues.length >= 2, "it is split");
  check(cues.every(({ startMs, endMs }) => endMs - startMs >= MIN_CUE_MS), "no cue is short");
  equal([cues[0].startMs, cues.at(-1).endMs], [2000, 11000]);
  transcript.addSegment(segment("Nine seconds of text in a segment", 2, 6));
  equal(texts(transcript)[1], ["that has not ended yet.", 6, 11]);
  transcript.restart();
  equal([transcript.segments, transcript.shown.map(({ startS, endS }) => [startS, endS])], [[], [[2, 12]]]);
  transcript.abandon();
  equal(texts(transcript).map(([, ...times]) => times), [[2, 12]]);
}

export function test_text_is_replaced_as_a_whole() {
  const transcript = new Transcript();
  transcript.addDelta("One", 1);
  const before = [transcript.epoch, transcript.revision];
  transcript.load([segment("Two.", 0, 4)]);
  equal(texts(transcript), [["Two.", 0, 4]]);
  check(transcript.epoch > before[0] && transcript.revision > before[1], "views and the store notice it");
  transcript.addDelta(" Three", 6);
  equal(texts(transcript)[1], ["Three", 4, 6]);
}

export function test_an_empty_answer_adds_nothing() {
  const transcript = new Transcript();
  transcript.finalize("", [], 0, 1);
  equal([transcript.isEmpty, texts(transcript)], [true, []]);
}

export function test_replayed_text_is_deduplicated() {
  const transcript = new Transcript();
  transcript.addDelta("One.");
  transcript.finalize("One.", [segment("One.", 0, 1)], 0, 1);
  transcript.addDelta(" Two three");
  transcript.restart();
  equal([transcript.pending.text, transcript.interim.trim()], ["", "Two three"]);
  transcript.addDelta("Two");
  equal([transcript.pending.text, transcript.interim], [" Two", ""]);
  transcript.finalize("Two three.", [segment("Two three.", 1, 3)], 1, 3);
  equal(texts(transcript), [
    ["One.", 0, 1],
    ["Two three.", 1, 3],
  ]);
}

export function test_text_without_an_answer_stays_as_shown() {
  const transcript = new Transcript();
  transcript.addDelta("Two");
  transcript.setInterim(" three");
  transcript.abandon();
  equal(
    texts(transcript).map(([text]) => text),
    ["Two three"],
  );
}

export function test_a_flush_within_a_word_does_not_split_it() {
  const transcript = new Transcript();
  transcript.addDelta("One t");
  transcript.finalize("One t", [], 0, 1);
  transcript.addDelta("wo three");
  equal(transcript.pending.text, "wo three");
  transcript.addSegment(segment("wo three", 1, 2));
  transcript.finalize("wo three", [], 1, 2);
  equal(toTxt(transcript.segments), "One two three\n");
}

export function test_scripts_without_spaces_get_none() {
  const transcript = new Transcript();
  for (const text of ["今日は。", "明日は。"]) {
    transcript.addDelta(text);
    transcript.addSegment(segment(text, 0, 1));
    transcript.finalize(text, [segment(text, 0, 1)], 0, 1);
  }
  equal(toTxt(transcript.segments), "今日は。明日は。\n");
}

export function test_a_new_connection_begins_with_a_space() {
  const transcript = new Transcript();
  transcript.addDelta("One.");
  transcript.finalize("One.", [segment("One.", 0, 1)], 0, 1);
  transcript.restart();
  transcript.setInterim("Tw");
  equal(transcript.interim, " Tw");
  transcript.addDelta("Two");
  transcript.addDelta(".");
  transcript.finalize("Two.", [segment("Two.", 1, 2)], 1, 2);
  equal(toTxt(transcript.segments), "One. Two.\n");
}

export function test_a_prefix_matches_in_spite_of_white_space() {
  equal(withoutPrefix(" Ever  tried. Ever", "Ever tried."), " Ever");
  equal(withoutPrefix("Never", "Ever"), null);
  equal(withoutPrefix("E", "Ever"), null);
}

export function test_latencies_are_medians_without_outliers() {
  const latency = new Latency();
  equal(latency.medianMs("flush"), null);
  for (const tookMs of [30, 10, 500, 20, 60_000]) latency.flushAnswered(1000, 1000 + tookMs, null);
  equal(latency.medianMs("flush"), 25);
  latency.textShown(5);
  equal(latency.medianMs("firstText"), null);
  latency.speechStarted(100);
  latency.textShown(400);
  latency.textShown(900);
  equal(latency.medianMs("firstText"), 300);
}
