import { edited } from "/web/text/edit.js";
import { toTxt } from "/web/text/writers.js";
import { check, equal } from "./check.js";

const segment = (text, startS, endS, more = {}) => ({ text, startS, endS, isNewSource: false, ...more });
const SPOKEN = [segment("Ever tried.", 0, 1), segment("Ever failed.", 1, 2), segment("No matter.", 5, 6)];
const short = (segments) => segments.map(({ text, startS, endS }) => [text, startS, endS]);

export function test_text_without_an_edit_is_the_same() {
  equal(edited(SPOKEN, toTxt(SPOKEN)), SPOKEN);
  const glued = [segment("One t", 0, 1), segment("wo three", 1, 2, { isGlued: true }), segment("今日は。", 2, 3)];
  glued.push(segment("明日は。", 3, 4, { isGlued: true }));
  equal(edited(glued, toTxt(glued)), glued);
}

export function test_words_keep_the_times_of_their_segment() {
  equal(short(edited(SPOKEN, "Ever cried. Ever failed.\n\nNo matter at all.")), [
    ["Ever cried.", 0, 1],
    ["Ever failed.", 1, 2],
    ["No matter at all.", 5, 6],
  ]);
  equal(short(edited(SPOKEN, "Well, ever tried. Ever failed. No matter."))[0], ["Well, ever tried.", 0, 1]);
}

export function test_deleted_segments_are_gone_and_the_next_one_begins_the_recording() {
  const two = [SPOKEN[0], segment("Second.", 2, 3, { isNewSource: true }), segment("Third.", 3, 4)];
  equal(edited(two, "Ever tried.\n\nThird."), [two[0], { ...two[2], isNewSource: true }]);
  equal(edited(SPOKEN, " \n"), []);
}

export function test_a_rewritten_text_is_spread_over_its_segments() {
  const rewritten = edited(SPOKEN, "Six entirely different words stand here");
  equal(short(rewritten), [
    ["Six entirely", 0, 1],
    ["different words", 1, 2],
    ["stand here", 5, 6],
  ]);
}

export function test_a_word_across_a_flush_is_edited_once() {
  const glued = [segment("One t", 0, 1), segment("wo three", 1, 2, { isGlued: true }), segment("four", 2, 3)];
  equal(toTxt(edited(glued, "One twice three four")), "One twice three four\n");
  equal(toTxt(edited(glued, "Once two three four")), "Once two three four\n");
  equal(toTxt(edited(glued, "One two thirty four")), "One two thirty four\n");
}

export function test_scripts_without_spaces_are_edited_by_character() {
  const glued = [segment("今日は。", 0, 1), segment("明日は。", 1, 2, { isGlued: true })];
  equal(short(edited(glued, "昨日は。明日は。")), [
    ["昨日は。", 0, 1],
    ["明日は。", 1, 2],
  ]);
}

export function test_any_edit_keeps_every_word() {
  let seed = 7;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 300; round++) {
    const words = (num) => Array.from({ length: num }, () => "abcde"[random(5)]);
    const spoken = Array.from({ length: 1 + random(5) }, (_, n) =>
      segment(words(1 + random(4)).join(" "), n, n + 1, { isGlued: n > 0 && !random(3) }),
    );
    const text = words(random(12)).map((word) => word + " \n"[random(2)]).join("");
    const result = edited(spoken, text);
    equal(toTxt(result).split(/\s+/u), text ? `${text.trim()}\n`.split(/\s+/u) : [""]);
    check(result.every(({ startS }, n) => !n || startS > result[n - 1].startS), "segments keep their order");
  }
}

export function test_a_long_text_is_edited_quickly() {
  const long = Array.from({ length: 3000 }, (_, n) => segment(`number ${n} is here`, n, n + 1));
  const text = toTxt(long).replace("number 17 ", "count 17 ").replace("number 2900 is", "number 2900 was");
  const startMs = performance.now();
  const result = edited(long, text);
  check(performance.now() - startMs < 2000, "it takes less than two seconds");
  equal(result.filter(({ text: words }, n) => words !== long[n].text).map(({ text: words }) => words), [
    "count 17 is here",
    "number 2900 was here",
  ]);
  equal(toTxt(edited(long, "all ".repeat(5000))).split(/\s+/u).length, 5001); // too different to compare
}
