"""Demuxing with FFmpeg. In: a file's bytes or an address. Out: its audio tracks and their packets. Blocks.

PyAV keeps FFmpeg's log off stderr unless its log level is set; do not set it. Its messages quote the whole address with
its credentials, so no exception of PyAV leaves this module, not even as a cause.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from voxtide.audio.addresses import FFMPEG_PROTOCOLS, Address, Limits
from voxtide.audio.bytestream import MAX_READ_BYTES, ByteStream, ReadInterruptedError
from voxtide.audio.media.clock import MAX_JUMP_S, MAX_SILENCE_S, ContainerClock
from voxtide.audio.media.damage import stated_s
from voxtide.audio.media.matroska import stated_matroska_bytes
from voxtide.audio.media.ogg import num_missing_ogg_bytes
from voxtide.audio.media.sniff import is_container
from voxtide.audio.media.tracks import AudioTrack, described
from voxtide.audio.media.wav_rest import read_restored, wav_rest
from voxtide.audio.pcm import num_missing_wav_bytes
from voxtide.audio.trust import tls_options
from voxtide.errors import AudioError, CorruptAudioError, NotAudioError, SourceNotFoundError
from voxtide.types import Notice

_NO_PROTOCOLS = ""
"""Protocols FFmpeg may use because of a local file's content: none. The file itself is read here."""

_PLAYLIST = b"#EXTM3U"

_MPEG_TS = "mpegts"

_CLOCK_MAY_RESTART = 0x200
"""FFmpeg's AVFMT_TS_DISCONT, a flag of formats. An integer, because PyAV's enumeration does not combine with one."""

_MAX_RESYNCS = 1024
"""FFmpeg searches 64 KiB (`resync_size`) for the next MPEG-TS packet, then gives up with EAGAIN. It is asked again, so
often in a row: a hole of 64 MiB takes a second to search. An endless stream of zeros ends there."""


class Demuxer:
    """An input that FFmpeg has opened.

    Attributes:
        is_known_format: Whether the first bytes are those of a container, not FFmpeg's guess.
        num_holes: How often packets were found again after 64 KiB or more without a byte that may begin one, such as
            zeros. Only in MPEG-TS; in other bytes FFmpeg searches on by itself.
        has_rest: Whether 64 KiB or more of them follow the last packet. Only in MPEG-TS.
        notices: What is known of the input before it is read.
    """

    def __init__(self, name: str, target: ByteStream | Address, limits: Limits) -> None:
        """Open `target`.

        Raises:
            SourceNotFoundError: The address cannot be reached, or does not exist.
            NotAudioError: Unknown format.
            CorruptAudioError: A known format that cannot be opened.
            AudioError: Access denied, or timeout.
        """
        self.is_known_format = True
        self.num_holes = 0
        self.has_rest = False
        self._num_missing_bytes = 0
        self._stated_bytes: int | None = None
        self.notices: list[Notice] = []
        self._name = name
        self._target = target
        self._limits = limits
        self._file: _PyAvFile | None = None
        self._container = self._open()

    @property
    def format_name(self) -> str:
        """FFmpeg's name of the container's format."""
        return str(self._container.format.name)

    @property
    def num_missing_bytes(self) -> int:
        """How much shorter the input is than its header states; for some formats in a pipe, known at its end."""
        size_bytes = self._target.size_bytes if isinstance(self._target, ByteStream) else None
        if self._stated_bytes is None or size_bytes is None:
            return self._num_missing_bytes
        return max(0, self._stated_bytes - size_bytes)

    @property
    def is_seekable(self) -> bool:
        """Whether the input is a file, not a pipe or an address."""
        return isinstance(self._target, ByteStream) and self._target.seekable()

    @property
    def is_readable_twice(self) -> bool:
        """Whether the input is a file, here or on a web server."""
        return self.is_seekable or (self._is_http() and self._size_bytes() is not None)

    def tracks(self) -> dict[AudioTrack, AudioStream]:
        """The tracks that can be decoded. One is the default: FFmpeg's choice by disposition, channels and bit rate.

        Raises:
            NotAudioError: There is none.
            CorruptAudioError: The header does not state the codec.
            AudioError: FFmpeg cannot decode the default one.
        """
        streams = self._container.streams
        best = streams.best("audio")
        if not isinstance(best, AudioStream):
            if streams.audio:
                raise CorruptAudioError(f"{self._name} is damaged: its header does not state the audio codec")
            kinds = ", ".join(sorted({stream.type for stream in streams})) or "nothing"
            raise NotAudioError(f"{self._name} contains no audio, only {kinds}")
        if best.codec_context is None:
            raise AudioError(f"{self._name} uses an audio codec that FFmpeg cannot decode")
        return {
            described(number, stream.metadata, is_default=stream.index == best.index): stream
            for number, stream in enumerate(streams.audio, start=1)
            if stream.codec_context is not None
        }

    def packets(self, streams: Sequence[AudioStream]) -> Iterator[Packet[AudioStream] | None]:
        """Yield the packets of `streams`. None, or an empty packet, flushes their decoders.

        Raises:
            AudioError: The input cannot be read any further.
            ReadInterruptedError: The input was interrupted.
        """
        try:
            yield from self._demux(streams)
        except av.FFmpegError as error:
            if not self._is_end_of_unsized_body(error):
                raise self._read_error() or AudioError(_reason(error)) from None
            yield None
        if (read_error := self._read_error()) is not None:
            raise read_error

    def clock(self, stream: AudioStream) -> ContainerClock:
        """A clock for the track that starts with the container's earliest one."""
        is_recording = isinstance(self._target, ByteStream) or self.duration_s(stream) is not None
        has_one_clock = is_recording and not self._container.format.flags & _CLOCK_MAY_RESTART
        return ContainerClock(self._start_s(), max_gap_s=MAX_SILENCE_S if has_one_clock else MAX_JUMP_S)

    def duration_s(self, stream: AudioStream) -> float | None:
        """The length from the container's start to the end of the track; None if unknown."""
        if stream.duration is not None and stream.time_base is not None:
            first, zero_s = stream.start_time, self._start_s()
            before_s = 0.0 if first is None or zero_s is None else float(first * stream.time_base) - zero_s
            return float(stream.duration * stream.time_base) + (before_s if 0 < before_s < MAX_SILENCE_S else 0.0)
        return None if self._container.duration is None else self._container.duration / av.time_base

    def stated_s(self, stream: AudioStream) -> float | None:
        """The length stated by the header, or None if FFmpeg estimated it from the size or from other streams."""
        if stream.duration is None and len(self._container.streams) > 1:
            return None
        num_bytes = self._target.size_bytes if isinstance(self._target, ByteStream) else self._size_bytes()
        return stated_s(self.format_name, self.duration_s(stream), num_bytes, stream.bit_rate)

    def reopen(self) -> None:
        """Start over at the beginning. Raises as opening does."""
        self.close()
        self.num_holes = 0
        if isinstance(self._target, ByteStream):
            self._target.seek(0)
        self._container = self._open()

    def close(self) -> None:
        """Close the container. The caller closes a byte stream."""
        self._container.close()

    def _open(self) -> InputContainer:
        try:
            if isinstance(self._target, ByteStream):
                return self._open_bytes(self._target)
            return self._open_address(self._target)
        except av.FFmpegError as error:
            raise self._read_error() or self._open_error(error) from None

    def _open_bytes(self, stream: ByteStream) -> InputContainer:
        if not stream.peek(1):
            raise NotAudioError(f"{self._name} is empty")
        if stream.peek(len(_PLAYLIST)) == _PLAYLIST:
            raise NotAudioError(f"{self._name} is a playlist; open a file that it lists, or the playlist's own address")
        self.is_known_format = is_container(stream.peek)
        self._stated_bytes = stated_matroska_bytes(stream)
        self._num_missing_bytes = num_missing_wav_bytes(stream) or num_missing_ogg_bytes(stream)
        options = {"protocol_whitelist": _NO_PROTOCOLS}
        rest = wav_rest(self._name, stream)
        self.notices = [] if rest is None else [rest.notice]
        self._file = _PyAvFile(stream, stream.read if rest is None else partial(read_restored, stream, rest))
        return av.open(self._file, "r", options=options, metadata_errors="replace", buffer_size=MAX_READ_BYTES)

    def _open_address(self, address: Address) -> InputContainer:
        options = {
            "protocol_whitelist": FFMPEG_PROTOCOLS,
            "rtsp_flags": "prefer_tcp",  # most home routers drop UDP, and FFmpeg falls back only after a timeout
            **tls_options(),
        }
        time_limits = (self._limits.open_s, self._limits.read_s)
        return av.open(address.url, "r", options=options, metadata_errors="replace", timeout=time_limits)

    def _read_error(self) -> AudioError | ReadInterruptedError | None:
        """Why the input ended early, if it did."""
        return None if self._file is None else self._file.error

    def _open_error(self, error: av.FFmpegError) -> AudioError:
        """The exception for an input that could not be opened."""
        if isinstance(self._target, Address):
            return _network_error(self._name, error, self._limits)
        if self.is_known_format:
            return CorruptAudioError(f"{self._name} looks like audio but cannot be opened: {_reason(error)}")
        return NotAudioError(f"{self._name} is not in an audio format that FFmpeg knows")

    def _demux(self, streams: Sequence[AudioStream]) -> Iterator[Packet[AudioStream]]:
        num_resyncs = 0
        is_at_end = False
        while not is_at_end:
            try:
                for packet in cast("Iterator[Packet[AudioStream]]", self._container.demux(streams)):
                    if packet.size and num_resyncs:
                        self.num_holes += 1
                        num_resyncs = 0
                    yield packet
                is_at_end = True
            except IndexError:
                pass  # PyAV 18 raises it once when a stream starts in the middle of the file; retry
            except av.error.BlockingIOError:
                if self.format_name != _MPEG_TS:
                    raise
                num_resyncs += 1
                if num_resyncs > _MAX_RESYNCS:
                    raise AudioError(f"no packet in {_MAX_RESYNCS * 64 // 1024} MiB") from None
        self.has_rest = num_resyncs > 0

    def _is_end_of_unsized_body(self, error: av.FFmpegError) -> bool:
        """Whether an HTTP response without a stated length ended with its connection (RFC 9112, section 6.3).

        FFmpeg reports that as an I/O error. A truncated chunked response, unless sent with `Connection: close`, gives
        the same error and counts as the end, too.
        """
        is_io_error = isinstance(error, av.error.OSError) and error.errno == errno.EIO
        return is_io_error and self._is_http() and self._size_bytes() is None

    def _is_http(self) -> bool:
        return isinstance(self._target, Address) and self._target.url.lower().startswith("http")

    def _start_s(self) -> float | None:
        """The start of the container's earliest track on its clock."""
        return None if self._container.start_time is None else self._container.start_time / av.time_base

    def _size_bytes(self) -> int | None:
        """The size stated by the server, if any."""
        return self._container.size if self._container.size >= 0 else None


class _PyAvFile:
    """A byte stream as a file for PyAV. It ends at an error, and keeps it.

    PyAV would print a traceback if FFmpeg read again after an exception, as it does in most formats.
    """

    def __init__(self, stream: ByteStream, read: Callable[[int], bytes]) -> None:
        self.name = stream.name
        self.error: AudioError | ReadInterruptedError | None = None
        self._stream = stream
        self._read = read

    def read(self, max_bytes: int) -> bytes:
        if self.error is None:
            try:
                return self._read(max_bytes)
            except (AudioError, ReadInterruptedError) as error:
                self.error = error
        return b""

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _network_error(name: str, error: av.FFmpegError, limits: Limits) -> AudioError:
    match error:
        case av.error.ExitError() | av.error.TimeoutError():
            return AudioError(f"{name} did not respond within {limits.open_s:g} s")
        case av.error.HTTPNotFoundError() | av.error.FileNotFoundError():
            return SourceNotFoundError(f"there is nothing at {name}")
        case av.error.ConnectionRefusedError():
            return SourceNotFoundError(f"{name} cannot be reached: the connection was refused")
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return AudioError(f"access to {name} was denied: {_reason(error)}; does the address need credentials?")
        case av.error.ProtocolNotFoundError():
            return AudioError(f"{name} cannot be opened: this build of FFmpeg lacks a protocol that it needs")
        case av.error.InvalidDataError() | av.error.EOFError():
            return NotAudioError(f"{name} does not send an audio format that FFmpeg knows")
        case av.error.OSError():
            return SourceNotFoundError(f"{name} cannot be reached: unknown host, no route, or an untrusted certificate")
        case _:
            return AudioError(f"{name} cannot be opened: {_reason(error)}")


def _reason(error: av.FFmpegError) -> str:
    """FFmpeg's message without the address that PyAV adds."""
    if isinstance(error, av.error.ExitError):
        return "it sent nothing before the timeout"
    return (error.strerror or type(error).__name__).lower()
