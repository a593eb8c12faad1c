"""Opening audio sources. In: a path, an address, `-` or `mic`. Out: an `AudioSource`, not yet open."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from pathlib import Path

from voxtide.audio import addresses
from voxtide.audio.addresses import Address
from voxtide.audio.bytestream import BinaryStream, ByteStream, open_file
from voxtide.audio.encodings import Encoding
from voxtide.audio.media.inputs import AddressReader, BytesReader
from voxtide.audio.media.tracks import TrackChoice, check_choice
from voxtide.audio.microphone import MicrophoneSource
from voxtide.audio.pcm import PcmConverter, PcmFormat
from voxtide.audio.source import AudioSource
from voxtide.audio.threaded import ThreadedSource
from voxtide.errors import ConfigError, SourceNotFoundError
from voxtide.types import SAMPLE_RATE_HZ

STDIN = "-"
MICROPHONE = "mic"

DEFAULT_CHUNK_MS = 80
"""One engine step: shorter chunks do not reduce the latency."""


def open_source(
    spec: str | Path,
    *,
    chunk_ms: int = DEFAULT_CHUNK_MS,
    stdin: BinaryStream | None = None,
    encoding: Encoding | str | None = None,
    sample_rate_hz: int | None = None,
    channels: int | None = None,
    device: int | str | None = None,
    track: int | str | None = None,
) -> AudioSource:
    """Create the source for `spec`; `async with` opens it.

    Args:
        spec: A path, a URL (`addresses.SCHEMES`), `-` for stdin or `mic` for a microphone. A `Path` is always a file;
            for a file called mic, pass `./mic`.
        chunk_ms: Length of a chunk, 10 to 10000.
        stdin: The stream that `-` reads; None for the process's standard input.
        encoding: Read a file or stdin as raw PCM in this encoding. None detects the format. stdin in no known format is
            read as pcm_s16le, with a notice; text is refused.
        sample_rate_hz: Sample rate of raw PCM; None for 16000.
        channels: Number of interleaved channels of raw PCM; None for 1.
        device: The microphone's number or a part of its name; None for the system's default.
        track: The audio track of a file with several: its number from 1, its language, or `mix` for all of them. None
            for the default track; in a file that can be read twice, it loses to another if it is silent.

    Raises:
        ConfigError: A value is out of range, or does not apply to this kind of source. A track that does not exist is
            found when the source is opened.
    """
    if spec == "":
        raise ConfigError("the source is empty; give a path, an address, - for stdin or mic for a microphone")
    pcm = _pcm_format(encoding, sample_rate_hz, channels)
    if spec == MICROPHONE:
        _reject_pcm(pcm, "a microphone has its own format")
        if track is not None:
            raise ConfigError(f"track {track!r} does not apply to a microphone; omit it")
        return MicrophoneSource(device, chunk_ms=chunk_ms)
    if device is not None:
        raise ConfigError(f"device {device!r} does not apply to {str(spec)!r}: only {MICROPHONE!r} has devices")
    track = None if track is None else check_choice(track)
    if spec == STDIN:
        return _stdin_source(stdin, pcm, is_stated=encoding is not None, chunk_ms=chunk_ms, track=track)
    target = spec if isinstance(spec, Path) else addresses.parse(spec)
    if isinstance(target, Address):
        _reject_pcm(pcm, "an address has its own format")
        return ThreadedSource(target.name, AddressReader(target.name, target, track=track), chunk_ms=chunk_ms)
    return _file_source(target, pcm, is_stated=encoding is not None, chunk_ms=chunk_ms, track=track)


def is_live(spec: str, *, is_endless: bool = False) -> bool:
    """Whether the audio of `spec` arrives while it is spoken, so that it cannot be transcribed again.

    That is a microphone, a pipe, a device, and a stream from the network. `is_endless`: the open source has no known
    length, which shows that an http or hls address is a stream.
    """
    if spec == MICROPHONE:
        return True
    with contextlib.suppress(OSError, ValueError):  # no such file, or stdin is closed: opening it raises
        if spec == STDIN:
            return not stat.S_ISREG(os.fstat(0).st_mode)
        target = addresses.parse(spec)
        if isinstance(target, Address):
            return is_endless or not target.url.lower().startswith(("http:", "https:", "hls:"))
        mode = target.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))  # opening a directory raises
    return False


def _pcm_format(encoding: Encoding | str | None, sample_rate_hz: int | None, channels: int | None) -> PcmFormat | None:
    """The requested format, checked, or None."""
    if encoding is None and sample_rate_hz is None and channels is None:
        return None
    pcm = PcmFormat(
        Encoding.PCM_S16LE if encoding is None else Encoding.parse(encoding),
        SAMPLE_RATE_HZ if sample_rate_hz is None else sample_rate_hz,
        1 if channels is None else channels,
    )
    PcmConverter(pcm)  # checks the ranges
    return pcm


def _reject_pcm(pcm: PcmFormat | None, reason: str) -> None:
    if pcm is not None:
        raise ConfigError(f"encoding, sample_rate_hz and channels are for raw PCM; {reason}: omit them")


def _stdin_source(
    stdin: BinaryStream | None, pcm: PcmFormat | None, *, is_stated: bool, chunk_ms: int, track: TrackChoice | None
) -> AudioSource:
    if isinstance(stdin, io.TextIOBase):
        raise ConfigError("stdin must be a binary stream (sys.stdin.buffer, not sys.stdin)")

    def open_stdin() -> ByteStream:
        if stdin is not None:
            return ByteStream(stdin)
        if sys.stdin is None:  # number 0 may be any other file by now
            raise SourceNotFoundError("stdin is closed; write the audio to it, or name a file")
        # Not sys.stdin: at exit Python would wait for a thread that holds its lock. Unbuffered for low latency.
        return ByteStream(open(0, "rb", buffering=0, closefd=False), is_owner=True)

    stated = pcm if is_stated else None
    reader = BytesReader("stdin", open_stdin, pcm=stated, fallback=pcm or PcmFormat(), is_live=True, track=track)
    return ThreadedSource("stdin", reader, chunk_ms=chunk_ms)


def _file_source(
    path: Path, pcm: PcmFormat | None, *, is_stated: bool, chunk_ms: int, track: TrackChoice | None
) -> AudioSource:
    if pcm is not None and not is_stated:
        raise ConfigError(f"sample_rate_hz and channels are for raw PCM; to read {path} as raw PCM, give its encoding")
    reader = BytesReader(str(path), lambda: open_file(path), pcm=pcm, track=track)
    return ThreadedSource(str(path), reader, chunk_ms=chunk_ms)
