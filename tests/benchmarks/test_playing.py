"""The driver of adapters with fake ones: arrival times, cost, and every way in which an adapter fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.playing import play_peer, text_event
from tests.benchmarks.conftest import Adapter
from tests.support.source_tree import ROOT
from tests.support.waiting import until
from voxtide.engines.scripted import speak
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta, Interim
from voxtide.types import SAMPLE_RATE_HZ, Samples

AUDIO_S = 0.4


def audio(duration_s: float = AUDIO_S) -> Samples:
    return np.linspace(-0.5, 0.5, round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32)


async def test_texts_are_stamped_when_they_arrive(adapter: Adapter) -> None:
    command = adapter(
        "output.ready()\n"
        "print('a library that prints')\n"
        "for number, piece in enumerate(audio(3200)):\n"  # 0.1 s
        "    output.interim(f'word {number}')\n"
        "output.final_line('a line.')\n"
        "output.final_line(' ')\n"
    )
    play = await play_peer(command, audio())
    assert [one.event for one in play.events] == [
        *(Interim(f"word {number}", audio_s=0.0) for number in range(4)),
        Delta(" a line.", audio_s=0.0),
    ]
    for number, one in enumerate(play.events[:4]):
        assert one.at_s >= 0.1 * (number + 1) - 0.001
    assert len(play.late_s) == AUDIO_S / 0.02
    assert min(play.late_s) == 0.0
    assert not play.is_cut_off


async def test_the_adapter_receives_all_samples(adapter: Adapter) -> None:
    command = adapter("output.ready()\noutput.final(b''.join(audio()).hex())\n")
    play = await play_peer(command, audio(0.1))
    (final,) = (one.event for one in play.events)
    assert isinstance(final, Delta)
    received = np.frombuffer(bytes.fromhex(final.text), "<i2") / 32768
    assert np.allclose(received, audio(0.1), atol=1 / 16384)


async def test_an_adapter_that_does_not_read_delays_nothing(adapter: Adapter) -> None:
    command = adapter("output.ready()\ntime.sleep(1.0)\noutput.final(str(len(b''.join(audio()))))\n")
    play = await play_peer(command, np.zeros(4 * SAMPLE_RATE_HZ // 5, np.float32))
    assert play.finish_s > 0.1
    assert [one.event for one in play.events] == [Delta("25600", audio_s=0.0)]


async def test_processor_time_includes_children_but_not_loading(adapter: Adapter) -> None:
    burn = "end = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
    child = burn.format(0.5)
    command = adapter(
        burn.format(0.6)
        + "output.ready()\n"
        + f"subprocess.run([sys.executable, '-c', 'import time\\n' + {child!r} + 'time.sleep(0.5)'])\n"
        + "list(audio())\n"
    )
    play = await play_peer(command, audio())
    assert 0.45 <= play.cpu_s < 0.6 + 0.5


async def test_an_adapter_that_falls_behind_is_cut_off_with_its_children(adapter: Adapter, tmp_path: Path) -> None:
    command = adapter(
        "output.ready()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "output.final('so far')\n"
        "list(audio())\n"
        "time.sleep(600)\n"
    )
    play = await play_peer(command, audio(), finish_limit_s=0.3)
    assert play.is_cut_off
    assert [one.event for one in play.events] == [Delta("so far", audio_s=0.0)]
    assert play.finish_s >= 0.3
    for pid in map(int, (tmp_path / "pids").read_text("utf-8").split()):
        await until(lambda pid=pid: is_gone(pid))


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a killed orphan is a zombie until its new parent has waited for it."""
    try:
        return str(psutil.Process(pid).status()) == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no such model')", r"ended before it was ready; its last lines:\n  no such model"),
        ("output._lines.write('loading\\n')\ntime.sleep(600)", r"wrote b'loading\\n' instead of 'ready'"),
        ("output.ready()\nlist(audio())\nsys.exit('out of memory')", r"exit code 1; its last lines:\n  out of memory"),
        ("output.ready()\nnext(audio())\noutput.final('all')", "ended before the audio did"),
        ("output.ready()\noutput._write({'text': 'x'})\nlist(audio())", "wrote a line that is no text"),
        ("output.ready()\noutput._lines.write('oops\\n')\nlist(audio())", r"no text, after or as b'oops\\n'"),
        ("output.ready()\noutput.final('x' * (1 << 20))\nlist(audio())", "no text, after or as b'': Separator"),
    ],
)
async def test_a_failure_has_the_last_lines(adapter: Adapter, body: str, message: str) -> None:
    with pytest.raises(VoxtideError, match=message):
        await play_peer(adapter(body), audio())


async def test_any_amount_of_other_output_is_read(adapter: Adapter) -> None:
    """A progress bar writes no line ends; a full pipe would stop the adapter."""
    command = adapter("output.ready()\nfor _ in range(64): print('\\r' + 'x' * 65536, end='')\nsys.exit('the end')\n")
    with pytest.raises(VoxtideError, match=r"exit code 1; its last lines:\n(.|\r)*the end$"):
        await play_peer(command, audio())


async def test_an_adapter_that_is_never_ready_is_ended(adapter: Adapter) -> None:
    with pytest.raises(VoxtideError, match="was not ready within 0.2 s"):
        await play_peer(adapter("time.sleep(600)"), audio(), ready_limit_s=0.2)


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(VoxtideError, match="no-such-python could not be started"):
        await play_peer(["no-such-python"], audio())


async def test_models_are_not_looked_for_elsewhere(adapter: Adapter) -> None:
    command = adapter("output.ready()\noutput.final(os.environ['HF_HUB_OFFLINE'])\nlist(audio())\n")
    play = await play_peer(command, audio(0.1))
    assert [one.event for one in play.events] == [Delta("1", audio_s=0.0)]


@pytest.mark.parametrize("message", [[], "x", {}, {"final": 1}, {"interim": "a", "final": "b"}, {"partial": "a"}])
def test_only_texts_are_events(message: object) -> None:
    with pytest.raises(ValueError, match="neither"):
        text_event(json.dumps(message).encode())


async def test_the_adapter_of_voxtide_transcribes() -> None:
    path = ROOT / "benchmarks" / "adapters" / "voxtide_engine.py"
    play = await play_peer([sys.executable, str(path), "no-model-needed", "scripted"], speak("no. yes."))
    text = "".join(one.event.text for one in play.events if isinstance(one.event, Delta))
    assert text.split() == ["no.", "yes."]
