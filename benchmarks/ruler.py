"""What is measured of a peer. In: talks and the play of each. Out: figures by name, ready for JSON. Knows no peer.

The definitions and the code of voxtide's own bench (docs/measuring.md):

- A final word belongs to the word spoken that an alignment of the two texts pairs it with. Words that pair with none
  have no latency and are counted. Case and punctuation do not count.
- word to first text, word to final: from the end of a word, as audio, to the arrival of the first text that has it at
  its final place, and of the final text that has it.
- start to first text, end to final: the bench's `latency` of utterances.
- interim words changed: (place, word) pairs shown as interim that the final text does not have there.
- WER: after the normaliser of `word_errors.py`, with the 95 % interval of a bootstrap over the utterances.
- processor time: of the adapter's process and its children, all cores, per second of audio, without loading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.audio import LANGUAGE, PeerTalk
from benchmarks.playing import PeerPlay
from voxtide.bench.figure import percentile
from voxtide.bench.figures.utterances import UtteranceLatencies
from voxtide.bench.load.corpora.corpus import CorpusTalk
from voxtide.bench.load.play import Played, TimedEvent
from voxtide.bench.load.word_timeline import WordTimeline, matches, word_timeline
from voxtide.bench.word_errors import WordErrors, normaliser_name, total, word_errors
from voxtide.transcript.events import Delta
from voxtide.types import Transcript


@dataclass(slots=True)
class WordLatencies:
    """Latencies in ms of the words that were recognised, and how many were not."""

    first_ms: list[float] = field(default_factory=list)
    final_ms: list[float] = field(default_factory=list)
    num_missing: int = 0

    def add(self, talk: PeerTalk, timeline: WordTimeline) -> None:
        """Add the words of a talk."""
        found = {at: index for index, at in matches(timeline.final, [word.text for word in talk.words]).items()}
        for at, word in enumerate(talk.words):
            if (index := found.get(at)) is None:
                self.num_missing += 1
                continue
            self.first_ms.append(1000 * (timeline.first_s[index] - word.end_s))
            self.final_ms.append(1000 * (timeline.stable_s[index] - word.end_s))


def _played(play: PeerPlay) -> Played:
    """A play as the bench records those of its own streams; a peer has no segments and is never flushed."""
    text = Transcript(final_text(play.events), segments=(), language=None, audio_s=0.0)
    return Played(play.events, flushed_at_s=(), late_s=play.late_s, cpu_s=play.cpu_s, transcript=text)


def final_text(events: Iterable[TimedEvent]) -> str:
    """All final text."""
    return "".join(one.event.text for one in events if isinstance(one.event, Delta)).strip()


def figures(talks: Sequence[PeerTalk], plays: Sequence[PeerPlay]) -> dict[str, Any]:
    """Everything that is measured, over all talks. A latency of which there is no value is None."""
    words, utterances = WordLatencies(), UtteranceLatencies()
    errors: list[WordErrors] = []
    num_shown = num_changed = 0
    for talk, play in zip(talks, plays, strict=True):
        timeline = word_timeline(play.events)
        words.add(talk, timeline)
        spoken_talk = CorpusTalk(talk.name, talk.samples, talk.spans)
        utterances.add(spoken_talk, _played(play), vad_ends_s=[None] * len(talk.spans))
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
        "word_to_first_ms": _percentiles(words.first_ms),
        "word_to_final_ms": _percentiles(words.final_ms),
        "start_to_first_ms": _percentiles(utterances.first_ms),
        "end_to_final_ms": _percentiles(utterances.final_ms),
        "num_words_without_latency": words.num_missing,
        "num_utterances_without_latency": len(utterances.missing),
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
