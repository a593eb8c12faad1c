from tests.support.dialect_session import ENGLISH, SESSION
from voxtide.protocols.realtime.mistral import MistralRealtime
from voxtide.protocols.realtime.routing import DetectedRealtime, RealtimePath, open_dialect


def test_the_path_selects_the_dialect() -> None:
    assert RealtimePath("/v1/audio/transcriptions/realtime") is RealtimePath.MISTRAL  # rule 1
    assert RealtimePath("/v1/realtime") is RealtimePath.REALTIME
    assert isinstance(open_dialect(RealtimePath.MISTRAL, {}, ENGLISH, SESSION), MistralRealtime)
    assert isinstance(open_dialect(RealtimePath.REALTIME, {}, ENGLISH, SESSION), DetectedRealtime)
