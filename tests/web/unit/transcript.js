import { Latency } from "/web/text/latency.js";
import { Transcript, withoutPrefix } from "/web/text/transcript.js";
import { toTxt } from "/web/text/writers.js";
import { equal } from "./check.js";

const segment = (text, startS, endS) => ({ text, startS, endS });
const told = (transcript) => transcript.segments.map(({ text, startS, endS }) => [text, startS, endS]);

export function test_deltas_segments_and_an_answer_are_one_text() {
  const transcript = new Transcript();
  transcript.addDelta("Ever tried.");
  transcript.setInterim(" Ever");
  equal([transcript.tail.text, transcript.interim], [" Ever tried.", " Ever"]);
  transcript.addDelta(" Ever failed.");
  transcript.addSegment(segment("Ever tried. Ever failed.", 0.3, 1.9));
  transcript.settle("Ever tried. Ever failed.", [segment("Ever tried. Ever failed.", 0.3, 1.9)], 0, 2.5);
  equal(told(transcript), [["Ever tried. Ever failed.", 0.3, 1.9]]);
  equal([transcript.settled.length, transcript.tail.text, transcript.interim], [1, "", ""]);
}

export function test_an_answer_without_segments_gets_the_place_of_its_flushes() {
  const transcript = new Transcript();
  transcript.addDelta("Hello");
  transcript.settle("Hello there.", [], 1, 4);
  equal(told(transcript), [["Hello there.", 1, 4]]);
}

export function test_text_after_the_last_segment_is_kept() {
  const transcript = new Transcript();
  transcript.addDelta("One. Two");
  transcript.addSegment(segment("One.", 0, 1));
  transcript.settle("One. Two", [], 0, 2);
  equal(told(transcript), [
    ["One.", 0, 1],
    ["Two", 1, 2],
  ]);
}

export function test_the_answer_counts_where_it_differs_from_what_was_told() {
  const transcript = new Transcript();
  transcript.addDelta("Hello wold");
  transcript.settle("Hello world.", [segment("Hello world.", 0.1, 0.9)], 0, 1);
  equal(told(transcript), [["Hello world.", 0.1, 0.9]]);
}

export function test_text_begins_where_speech_did() {
  const transcript = new Transcript();
  transcript.speechStarted(3.2);
  transcript.setInterim("Hel");
  transcript.speechStarted(5); // after a click, say
  transcript.addDelta("Hello");
  equal([transcript.tail.startS, transcript.hasTail], [3.2, true]);
  transcript.addSegment(segment("Hello", 3.1, 3.9));
  equal(transcript.tail.startS, 3.1);
}

export function test_an_empty_answer_adds_nothing() {
  const transcript = new Transcript();
  transcript.settle("", [], 0, 1);
  equal([transcript.isEmpty, told(transcript)], [true, []]);
}

export function test_after_a_break_text_is_told_again_and_stands_once() {
  const transcript = new Transcript();
  transcript.addDelta("One.");
  transcript.settle("One.", [segment("One.", 0, 1)], 0, 1);
  transcript.addDelta(" Two three");
  transcript.restart();
  equal([transcript.tail.text, transcript.interim.trim()], ["", "Two three"]);
  transcript.addDelta("Two");
  equal([transcript.tail.text, transcript.interim], [" Two", ""]);
  transcript.settle("Two three.", [segment("Two three.", 1, 3)], 1, 3);
  equal(told(transcript), [
    ["One.", 0, 1],
    ["Two three.", 1, 3],
  ]);
}

export function test_what_never_gets_an_answer_stays_as_it_was_seen() {
  const transcript = new Transcript();
  transcript.addDelta("Two");
  transcript.setInterim(" three");
  transcript.abandon();
  equal(
    told(transcript).map(([text]) => text),
    ["Two three"],
  );
}

export function test_a_flush_within_a_word_does_not_tear_it() {
  const transcript = new Transcript();
  transcript.addDelta("One t");
  transcript.settle("One t", [], 0, 1);
  transcript.addDelta("wo three");
  equal(transcript.tail.text, "wo three");
  transcript.addSegment(segment("wo three", 1, 2));
  transcript.settle("wo three", [], 1, 2);
  equal(toTxt(transcript.segments), "One two three\n");
}

export function test_scripts_without_spaces_get_none() {
  const transcript = new Transcript();
  for (const text of ["今日は。", "明日は。"]) {
    transcript.addDelta(text);
    transcript.addSegment(segment(text, 0, 1));
    transcript.settle(text, [segment(text, 0, 1)], 0, 1);
  }
  equal(toTxt(transcript.segments), "今日は。明日は。\n");
}

export function test_a_new_connection_begins_with_a_space() {
  const transcript = new Transcript();
  transcript.addDelta("One.");
  transcript.settle("One.", [segment("One.", 0, 1)], 0, 1);
  transcript.restart();
  transcript.setInterim("Tw");
  equal(transcript.interim, " Tw");
  transcript.addDelta("Two");
  transcript.addDelta(".");
  transcript.settle("Two.", [segment("Two.", 1, 2)], 1, 2);
  equal(toTxt(transcript.segments), "One. Two.\n");
}

export function test_white_space_does_not_hide_a_prefix() {
  equal(withoutPrefix(" Ever  tried. Ever", "Ever tried."), " Ever");
  equal(withoutPrefix("Never", "Ever"), null);
  equal(withoutPrefix("E", "Ever"), null);
}

export function test_figures_are_medians_of_what_belongs_together() {
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
