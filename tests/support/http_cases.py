"""A transcript, engines and requests for tests of the HTTP forms."""

from __future__ import annotations

from typing import Any

from voxtide.protocols.http.form import Fields, Form
from voxtide.protocols.http.request import TranscriptionRequest, read_request
from voxtide.types import EngineInfo, Segment, StreamOptions, Task, Transcript, Word

MODEL = "tower"
TOWER = Segment(
    "The White Tower.", 0.5, 1.75, (Word("The", 0.5, 0.75), Word("White", 0.75, 1.2), Word("Tower.", 1.25, 1.75))
)
LONDON = Segment("London.", 3.0, 3.5, (Word("London.", 3.0, 3.5),))
TRANSCRIPT = Transcript("The White Tower. London.", (TOWER, LONDON), "en", 4.2)

ABLE = EngineInfo(name="test", model=MODEL, can_use_vocabulary=True)
ENGLISH = EngineInfo(name="test", model=MODEL, models=("tower", "keep"), languages=("en",))


def read(
    items: list[tuple[str, str]],
    engine: EngineInfo = ABLE,
    *,
    headers: dict[str, str] | None = None,
    has_file: bool = True,
    has_words: bool = True,
    task: Task = "transcribe",
) -> TranscriptionRequest:
    return read_request(Fields(items), headers or {}, engine, has_file=has_file, has_words=has_words, task=task)


def request(form: Form = Form.OPENAI, **requested: Any) -> TranscriptionRequest:
    return TranscriptionRequest(form=form, options=StreamOptions(), **requested)
