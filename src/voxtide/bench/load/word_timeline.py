"""When each word appeared and became stable. In: timed events, texts. Out: words, matches, counts. Knows no engine.

A word is a run of letters, digits and apostrophes in lower case: case and punctuation do not count as a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from voxtide.bench.load.play import TimedEvent
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import Delta, Interim

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def matches(words: Sequence[str], reference: Sequence[str]) -> dict[int, int]:
    """Index in `words` -> index in `reference` for equal words, both ascending."""
    blocks = SequenceMatcher(None, words, reference, autojunk=False).get_matching_blocks()
    return {block.a + k: block.b + k for block in blocks for k in range(block.size)}


def num_differing(words: Sequence[str], reference: Sequence[str]) -> int:
    """Words of the longer text without a match in the other."""
    return max(len(words), len(reference)) - len(matches(words, reference))


@dataclass(frozen=True, slots=True)
class WordTimeline:
    """How a text appeared, word by word.

    Attributes:
        final: The words of the final text.
        first_s: By index of a final word: when text, interim or stable, first had it at its place.
        stable_s: By index of a final word: when it became stable.
        interim: Every word shown as interim text, with its index.
    """

    final: list[str]
    first_s: dict[int, float]
    stable_s: dict[int, float]
    interim: frozenset[tuple[int, str]]

    @property
    def changes(self) -> list[tuple[int, str, str]]:
        """Interim words that changed: the index, the word shown, the final word there ("" if none)."""
        final = dict(enumerate(self.final))
        return sorted((place, word, final.get(place, "")) for place, word in self.interim if final.get(place) != word)


def word_timeline(events: Iterable[TimedEvent]) -> WordTimeline:
    """Follow the words through a stream's events."""
    stable_text = ""
    stable: list[str] = []
    first_s: dict[tuple[int, str], float] = {}
    stable_s: dict[tuple[int, str], float] = {}
    interim: set[tuple[int, str]] = set()
    for one in events:
        match one.event:
            case Delta(text):
                stable_text += text
                stable = words_of(stable_text)
                for place in enumerate(stable):
                    stable_s.setdefault(place, one.at_s)
                    first_s.setdefault(place, one.at_s)
            case Interim(text):
                for place in enumerate(words_of(text), len(stable)):
                    interim.add(place)
                    first_s.setdefault(place, one.at_s)
            case _:
                pass
    return WordTimeline(
        final=stable,
        first_s={place: first_s[place, word] for place, word in enumerate(stable)},
        stable_s={place: stable_s[place, word] for place, word in enumerate(stable)},
        interim=frozenset(interim),
    )


def num_retracted(events: Iterable[TimedEvent]) -> int:
    """Stable words that disappeared later, or that the final segments lack."""
    assembler = Assembler()
    seen = ""
    num_gone = 0
    for one in events:
        assembler.add(one.event)
        if not assembler.stable_text.startswith(seen):
            num_gone += num_differing(words_of(seen), words_of(assembler.stable_text)[: len(words_of(seen))])
        seen = assembler.stable_text
    segmented = [word for segment in assembler.transcript().segments for word in words_of(segment.text)]
    stable = words_of(seen)
    return num_gone + len(stable) - len(matches(stable, segmented))
