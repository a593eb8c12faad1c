"""Segments as engines emit them, and invalid ones: any text, times out of order."""

from hypothesis import strategies as st

from voxtide.types import Segment, Word

word_texts = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=60)
times_s = st.floats(0, 36_000, allow_nan=False)


@st.composite
def timed_segments(draw: st.DrawFn) -> list[Segment]:
    """Segments in order, with words in order, some pauses long."""
    now_s = 0.0
    segments = []
    for texts in draw(st.lists(st.lists(word_texts, max_size=40), max_size=4)):
        words = []
        for text in texts:
            now_s += draw(st.sampled_from([0.0, 0.05, 0.3, 4.0]))
            start_s, now_s = now_s, now_s + draw(st.sampled_from([0.0, 0.1, 0.4, 9.0]))
            words.append(Word(text, start_s, now_s))
        start_s = words[0].start_s if words else now_s
        segments.append(Segment(" ".join(texts), start_s, now_s, tuple(words)))
    return segments


@st.composite
def wild_segments(draw: st.DrawFn) -> list[Segment]:
    """Segments with arbitrary times, and words that need not match the text."""
    words = st.builds(Word, word_texts, times_s, times_s)
    segment = st.builds(Segment, st.text(max_size=80), times_s, times_s, st.lists(words, max_size=6).map(tuple))
    return draw(st.lists(segment, max_size=5))
