"""The page's subtitles against those of the command line, for the same segments."""

from __future__ import annotations

import random
import sys
import unicodedata
from typing import Any

from playwright.sync_api import Page

from voxtide.transcript.cues import MIN_CUE_S, Cue, num_columns, split_cues
from voxtide.types import Segment

LATIN = "Ever tried. Ever failed, no matter: try again! Fail again; better. e\u0301te\u0301 https://example.org/a/long/path/of/words"
EAST_ASIAN = "白い塔を誰が建てたか。 失敗しても， 問題ない？ もう一度！ ﾊﾝｶｸ ＡＢＣ 🎉 서울 坚持"
MIN_CUE_MS = round(MIN_CUE_S * 1000)


def some_segments(seed: int) -> list[Segment]:
    """Slow and quick speech, with and without pauses, in words of both widths, some longer than a line."""
    chance = random.Random(seed)
    segments, at_s = [], 0.0
    for _ in range(chance.randint(1, 6)):
        words = chance.choices(chance.choice([LATIN, EAST_ASIAN]).split(), k=chance.randint(1, 40))
        text = chance.choice([" ", " ", ""]).join(words)
        start_s = at_s + chance.choice([0.0, 0.3, 1.0, 3.0])
        at_s = start_s + len(text) * chance.choice([0.02, 0.05, 0.2])
        segments.append(Segment(text, round(start_s, 3), round(at_s, 3)))
    return segments


def page_cues(page: Page, sets: list[list[Segment]]) -> list[list[Cue]]:
    """The cues of the page for each list of segments."""
    as_js = [[{"text": it.text, "startS": it.start_s, "endS": it.end_s} for it in segments] for segments in sets]
    found: list[list[dict[str, Any]]] = page.evaluate(
        "(sets) => import('/web/text/cues.js').then(({ splitCues }) => sets.map(splitCues))", as_js
    )
    return [[Cue(cue["startMs"], cue["endMs"], tuple(cue["lines"])) for cue in cues] for cues in found]


def is_readable(cues: list[Cue]) -> bool:
    """Whether no cue is so short that the page would give it time of its neighbours."""
    return all(cue.end_ms - cue.start_ms >= MIN_CUE_MS for cue in cues)


def test_the_cues_are_those_of_the_command_line(empty_page: Page) -> None:
    sets = [some_segments(seed) for seed in range(400)]
    num_equal = 0
    for ours, theirs in zip([split_cues(segments) for segments in sets], page_cues(empty_page, sets), strict=True):
        assert [cue.lines for cue in theirs] == [cue.lines for cue in ours]
        if is_readable(ours):
            times = [time_ms for cue in ours for time_ms in (cue.start_ms, cue.end_ms)]
            page_times = [time_ms for cue in theirs for time_ms in (cue.start_ms, cue.end_ms)]
            assert all(abs(a - b) <= 1 for a, b in zip(times, page_times, strict=True)), (ours, theirs)  # rounding
            num_equal += 1
    assert num_equal > 100


def segments_with_pause(pause_s: float) -> list[Segment]:
    """The first is too short to read."""
    return [Segment("はい。", 1.0, 1.5), Segment("白い塔を誰が建てたか。", 1.5 + pause_s, 5.0)]


def test_a_short_cue_lasts_into_the_free_pause_after_it(empty_page: Page) -> None:
    sets = [segments_with_pause(pause_s) for pause_s in (0.5, 2.0)]
    cues = [split_cues(segments) for segments in sets]
    assert all(map(is_readable, cues))
    assert page_cues(empty_page, sets) == cues


def test_a_short_cue_takes_time_of_the_next_if_the_pause_is_short(empty_page: Page) -> None:
    ((first, second),) = page_cues(empty_page, [segments_with_pause(0.1)])
    assert (first.start_ms, first.end_ms) == (1000, 1000 + MIN_CUE_MS)
    assert (second.start_ms, second.end_ms) == (first.end_ms, 5000)


def test_characters_are_as_wide_as_in_the_command_line(empty_page: Page) -> None:
    chars = [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char)[0] in "LPN"]
    chars += ["\u0301", "🎉", "🇫", "⌚", "☎", "\u200b", " ", "+", "＋", "￥"]
    widths = empty_page.evaluate(
        "(chars) => import('/web/text/columns.js').then(({ numColumns }) => chars.map(numColumns))", chars
    )
    wrong = [f"U+{ord(char):04X}" for char, width in zip(chars, widths, strict=True) if width != num_columns(char)]
    assert not wrong
