"""What is measured of a peer. In: talks and the play of each. Out: figures by name, ready for JSON. Knows no peer.

The definitions of voxtide's own bench (docs/bench.md), which this uses:

- A final word belongs to the word spoken that an alignment of the two texts pairs it with. Words that pair with none
  have no latency and are counted. Case and punctuation do not count.
- word to first text, word to final: from the end of a word, as audio, to the arrival of the first text that has it at
  its final place, and of the final text that has it.
- start to first text: from an utterance's true start to the arrival of the first text after the words before it.
- end to final: from an utterance's true end to the arrival of the text after which all its words are final.
- interim words changed: (place, word) pairs shown as interim that the final text does not have there.
- WER: after the normaliser of `word_errors.py`, with the 95 % interval of a bootstrap over the utterances.
- processor time: of the adapter's process and its children, all cores, per second of audio, without loading.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.audio import LANGUAGE, PeerTalk
from benchmarks.playing import PeerPlay
from voxtide.bench.figure import percentile
from voxtide.bench.load.play import TimedEvent
from voxtide.bench.load.word_timeline import WordTimeline, matches, word_timeline, words_of
from voxtide.bench.word_errors import WordErrors, normaliser_name, total, word_errors
from voxtide.transcript.events import Delta, Interim


@dataclass(slots=True)
class Latencies:
    """Latencies in ms of what was recognised, and how much was not."""

    word_to_first: list[float] = field(default_factory=list)
    word_to_final: list[float] = field(default_factory=list)
    start_to_first: list[float] = field(default_factory=list)
    end_to_final: list[float] = field(default_factory=list)
    words_missing: int = 0
    utterances_missing: int = 0

    def add(self, talk: PeerTalk, events: Sequence[TimedEvent]) -> None:
        """Add a talk."""
        timeline = word_timeline(events)
        self._add_words(talk, timeline)
        texts = list(_texts(events))
        places = utterance_places(timeline.final, [words_of(span.text) for span in talk.spans])
        for span, place in zip(talk.spans, places, strict=True):
            begin, end = place or (0, 0)
            shown_s = (at_s for at_s, num_shown, _ in texts if at_s >= span.start_s and num_shown > begin)
            first_s = next(shown_s, None)
            if place is None or first_s is None:  # without a place, or its words came before it was spoken
                self.utterances_missing += 1
                continue
            final_s = next(at_s for at_s, _, num_final in texts if num_final >= end)
            self.start_to_first.append(1000 * (first_s - span.start_s))
            self.end_to_final.append(1000 * (final_s - span.end_s))

    def _add_words(self, talk: PeerTalk, timeline: WordTimeline) -> None:
        found = {at: index for index, at in matches(timeline.final, [word.text for word in talk.words]).items()}
        for at, word in enumerate(talk.words):
            if (index := found.get(at)) is None:
                self.words_missing += 1
                continue
            self.word_to_first.append(1000 * (timeline.first_s[index] - word.end_s))
            self.word_to_final.append(1000 * (timeline.stable_s[index] - word.end_s))


def utterance_places(final: Sequence[str], utterances: Sequence[Sequence[str]]) -> list[tuple[int, int] | None]:
    """Each utterance's words in the final text: the index of its first one, and that after its last one.

    Words between two utterances that pair with none belong to the later one, as far as it lacks words at its start.
    None for an utterance of which no word was recognised, or none of the next one: its end is unknown.
    """
    owners = [(number, offset) for number, words in enumerate(utterances) for offset in range(len(words))]
    paired = sorted(matches(final, [word for words in utterances for word in words]).items())
    begins = {len(utterances): len(final)}
    previous = -1
    for index, at in paired:
        number, num_lacking = owners[at]
        begins.setdefault(number, index - min(num_lacking, index - previous - 1))
        previous = index
    return [
        (begins[number], begins[number + 1]) if number in begins and number + 1 in begins else None
        for number in range(len(utterances))
    ]


def _texts(events: Iterable[TimedEvent]) -> Iterator[tuple[float, int, int]]:
    """Arrival of each text, and how many words were shown and final then."""
    stable, num_final = "", 0
    for one in events:
        num_interim = 0
        match one.event:
            case Delta(text):
                stable += text
                num_final = len(words_of(stable))
            case Interim(text):
                num_interim = len(words_of(text))
            case _:
                continue
        yield one.at_s, num_final + num_interim, num_final


def final_text(events: Iterable[TimedEvent]) -> str:
    """All final text."""
    return "".join(one.event.text for one in events if isinstance(one.event, Delta)).strip()


def figures(talks: Sequence[PeerTalk], plays: Sequence[PeerPlay]) -> dict[str, Any]:
    """Everything that is measured, over all talks. A latency of which there is no value is None."""
    latencies = Latencies()
    errors: list[WordErrors] = []
    num_shown = num_changed = 0
    for talk, play in zip(talks, plays, strict=True):
        latencies.add(talk, play.events)
        timeline = word_timeline(play.events)
        num_shown, num_changed = num_shown + len(timeline.interim), num_changed + len(timeline.changes)
        spoken = [span.text for span in talk.spans]
        errors.append(word_errors(talk.name, spoken, final_text(play.events), language=LANGUAGE))
    all_errors = total(errors)
    return {
        "wer_percent": round(all_errors.percent, 2),
        "wer_interval_percent": [round(limit, 2) for limit in all_errors.interval()],
        "num_words": all_errors.num_words,
        "num_errors": all_errors.num_errors,
        "normaliser": normaliser_name(LANGUAGE),
        "word_to_first_ms": _percentiles(latencies.word_to_first),
        "word_to_final_ms": _percentiles(latencies.word_to_final),
        "start_to_first_ms": _percentiles(latencies.start_to_first),
        "end_to_final_ms": _percentiles(latencies.end_to_final),
        "num_words_without_latency": latencies.words_missing,
        "num_utterances_without_latency": latencies.utterances_missing,
        "interim_changed_percent": round(100 * num_changed / num_shown, 1) if num_shown else None,
        "cpu_s_per_audio_s": round(sum(play.cpu_s for play in plays) / sum(talk.duration_s for talk in talks), 3),
        "finish_s": round(max(play.finish_s for play in plays), 2),
        "num_cut_off": sum(play.is_cut_off for play in plays),
        "fed_late_p95_ms": round(1000 * percentile([late_s for play in plays for late_s in play.late_s], 95), 1),
        "differences": [list(difference) for difference in all_errors.differences],
    }


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"p50": round(percentile(values, 50)), "p95": round(percentile(values, 95)), "num": len(values)}
