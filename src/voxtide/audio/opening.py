"""Where audio comes from. In: what the user typed. Out: the source for it, not yet open. The room's front door."""

from __future__ import annotations

import io
from pathlib import Path

from voxtide.audio import addresses
from voxtide.audio.addresses import Address
from voxtide.audio.bytestream import BinaryStream, ByteStream, open_file
from voxtide.audio.encodings import Encoding
from voxtide.audio.media.container import MediaReader
from voxtide.audio.media.inputs import BytesReader
from voxtide.audio.microphone import MicrophoneSource
from voxtide.audio.pcm import PcmConverter, PcmFormat
from voxtide.audio.source import AudioSource
from voxtide.audio.threaded import ThreadedSource
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ

STDIN = "-"
MICROPHONE = "mic"

DEFAULT_CHUNK_MS = 80
"""One step of the engines: less would not come out sooner."""


def open_source(
    spec: str | Path,
    *,
    chunk_ms: int = DEFAULT_CHUNK_MS,
    stdin: BinaryStream | None = None,
    encoding: Encoding | str | None = None,
    sample_rate_hz: int | None = None,
    channels: int | None = None,
    device: int | str | None = None,
) -> AudioSource:
    """The source that `spec` names; enter it with `async with`.

    Args:
        spec: A path, an address (`addresses.SCHEMES`), `-` for stdin or `mic` for a microphone. A `Path` is always a
            file; in a string, a file named mic is ./mic.
        chunk_ms: Length of a chunk, 10 to 10000.
        stdin: What `-` reads; the process's own standard input if None.
        encoding: Says that a file or stdin holds raw PCM, and which. Without it their first bytes decide, and stdin
            without a known signature is pcm_s16le.
        sample_rate_hz: Of the raw PCM; 16000 if None.
        channels: Of the raw PCM, interleaved; 1 if None.
        device: The microphone, by number or by a part of its name; the system's default if None.

    Raises:
        ConfigError: A value is out of range, or has no meaning for this kind of source.
    """
    if spec == "":
        raise ConfigError("the source has no name; give a path, an address, - for stdin or mic for a microphone")
    pcm = _pcm_format(encoding, sample_rate_hz, channels)
    if spec == MICROPHONE:
        _refuse_pcm(pcm, "a microphone has its own format")
        return MicrophoneSource(device, chunk_ms=chunk_ms)
    if device is not None:
        raise ConfigError(f"device {device!r} has no meaning for {str(spec)!r}: only {MICROPHONE!r} has devices")
    if spec == STDIN:
        return _stdin_source(stdin, pcm, is_stated=encoding is not None, chunk_ms=chunk_ms)
    target = spec if isinstance(spec, Path) else addresses.parse(spec)
    if isinstance(target, Address):
        _refuse_pcm(pcm, "an address has its own format")
        return ThreadedSource(target.name, MediaReader(target.name, target), chunk_ms=chunk_ms)
    return _file_source(target, pcm, is_stated=encoding is not None, chunk_ms=chunk_ms)


def _pcm_format(encoding: Encoding | str | None, sample_rate_hz: int | None, channels: int | None) -> PcmFormat | None:
    """The format that is asked for, checked; None if nothing is."""
    if encoding is None and sample_rate_hz is None and channels is None:
        return None
    pcm = PcmFormat(
        Encoding.PCM_S16LE if encoding is None else Encoding.parse(encoding),
        SAMPLE_RATE_HZ if sample_rate_hz is None else sample_rate_hz,
        1 if channels is None else channels,
    )
    PcmConverter(pcm)  # it knows what is in range
    return pcm


def _refuse_pcm(pcm: PcmFormat | None, reason: str) -> None:
    if pcm is not None:
        raise ConfigError(f"encoding, sample_rate_hz and channels are for raw PCM; {reason}: leave them out")


def _stdin_source(stdin: BinaryStream | None, pcm: PcmFormat | None, *, is_stated: bool, chunk_ms: int) -> AudioSource:
    if isinstance(stdin, io.TextIOBase):
        raise ConfigError("stdin must be a binary stream (sys.stdin.buffer, not sys.stdin)")

    def open_stdin() -> ByteStream:
        if stdin is not None:
            return ByteStream(stdin)
        # Unbuffered and not sys.stdin: at exit Python must not wait for a thread that holds sys.stdin's lock.
        return ByteStream(open(0, "rb", buffering=0, closefd=False), is_owner=True)

    reader = BytesReader("stdin", open_stdin, pcm=pcm if is_stated else None, fallback=pcm or PcmFormat(), is_live=True)
    return ThreadedSource("stdin", reader, chunk_ms=chunk_ms)


def _file_source(path: Path, pcm: PcmFormat | None, *, is_stated: bool, chunk_ms: int) -> AudioSource:
    if pcm is not None and not is_stated:
        raise ConfigError(f"sample_rate_hz and channels need an encoding to say that {path} holds raw PCM")
    return ThreadedSource(str(path), BytesReader(str(path), lambda: open_file(path), pcm=pcm), chunk_ms=chunk_ms)
