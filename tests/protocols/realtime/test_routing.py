from tests.support.dialect_session import ENGLISH, SESSION
from voxtide.protocols.realtime.mistral import MistralRealtime
from voxtide.protocols.realtime.routing import ChosenRealtime, Wire, open_dialect


def test_the_path_is_the_wire() -> None:
    assert Wire("/v1/audio/transcriptions/realtime") is Wire.MISTRAL  # rule 1
    assert Wire("/v1/realtime") is Wire.REALTIME
    assert isinstance(open_dialect(Wire.MISTRAL, {}, ENGLISH, SESSION), MistralRealtime)
    assert isinstance(open_dialect(Wire.REALTIME, {}, ENGLISH, SESSION), ChosenRealtime)
