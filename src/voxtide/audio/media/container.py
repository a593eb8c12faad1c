"""Decoding with FFmpeg. In: a file's bytes or an address. Out: mono samples at 16 kHz. Blocks; knows no asyncio.

The only module that imports PyAV. PyAV keeps FFmpeg's log off stderr unless its log level is set; do not set it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from voxtide.audio.addresses import FFMPEG_PROTOCOLS, Address, Limits
from voxtide.audio.bytestream import MAX_READ_BYTES, ByteStream, ReadInterruptedError
from voxtide.audio.downmix import Downmix
from voxtide.audio.encodings import clean
from voxtide.audio.media.clock import MAX_JUMP_S, MAX_SILENCE_S, ContainerClock, Piece
from voxtide.audio.media.damage import Damage
from voxtide.audio.media.frames import to_samples
from voxtide.audio.media.ogg import num_missing_ogg_bytes
from voxtide.audio.media.sniff import is_container
from voxtide.audio.pcm import LENGTH_TOLERANCE_S, num_missing_wav_bytes, wrong_length
from voxtide.audio.resample import resampled
from voxtide.audio.trust import tls_options
from voxtide.errors import AudioError, ConfigError, CorruptAudioError, NotAudioError, SourceNotFoundError
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples

_NO_PROTOCOLS = ""
"""Protocols FFmpeg may use because of a local file's content: none. The file itself is read here."""

_PLAYLIST = b"#EXTM3U"

_PIECE_S = 0.1
"""Frames of a file (as short as 2.5 ms) are resampled in pieces of this length, for speed. Live frames are not."""

_MAX_PLANES = 8
"""FFmpeg's AV_NUM_DATA_POINTERS. PyAV cannot read the planes of planar frames beyond it."""

_MISSING_TOLERANCE_S = 0.3
"""Audio shorter than stated by more than this counts as truncated. Covers the longest codec frame (Vorbis, 186 ms at
44.1 kHz) plus encoder delay."""

_WAV = "wav"
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"

_CLOCK_MAY_RESTART = 0x200
"""FFmpeg's AVFMT_TS_DISCONT, a flag of formats. An integer, because PyAV's enumeration does not combine with one."""

_FORMATS_WITHOUT_GAPS = {"aiff", "au", "caf", "flac", "mp3", "w64", "wv"}
"""Formats whose header states the length, and whose packets have no times of their own: a gap is damage."""

_FORMATS_WITH_LENGTH = _FORMATS_WITHOUT_GAPS | {"matroska,webm", _MP4}
"""FFmpeg's names of the formats whose header states the length. For others FFmpeg reads the end or estimates."""


class MediaReader:
    """Reads the best audio stream of a container. A `SampleReader` (see threaded.py)."""

    def __init__(self, name: str, target: ByteStream | Address, limits: Limits | None = None) -> None:
        self.notices: list[Notice] = []
        self._name = name
        self._target = target
        self._limits = limits or Limits()
        self._is_interrupted = False
        self._is_known_format = True
        self._num_missing_bytes = 0
        self._damage = Damage()
        self._container: InputContainer | None = None
        self._stream: AudioStream | None = None
        self._failure: str | None = None
        self._damaged_until_s: float | None = None
        self._has_decoded = False
        self._clock = ContainerClock(None)
        self._mixer = _FrameMixer()

    @property
    def is_recognised(self) -> bool:
        """Whether FFmpeg knew the format at `open`, with or without audio in it."""
        return self._container is not None

    def open(self) -> float | None:
        """Find the audio stream; returns its length in seconds, or None if unknown.

        Raises:
            SourceNotFoundError: The address cannot be reached, or does not exist.
            NotAudioError: Unknown format, or no audio in it.
            CorruptAudioError: A known format that cannot be opened.
            AudioError: Access denied, or timeout.
        """
        try:
            if isinstance(self._target, ByteStream):
                self._container = self._open_bytes(self._target)
            else:
                self._container = self._open_address(self._target)
        except av.FFmpegError as error:
            # Not chained: PyAV's message quotes the whole address with its credentials.
            raise self._open_error(error) from None
        self._stream = _audio_stream(self._name, self._container)
        duration_s = _duration_s(self._container, self._stream)
        is_recording = isinstance(self._target, ByteStream) or duration_s is not None
        has_one_clock = is_recording and not self._container.format.flags & _CLOCK_MAY_RESTART
        max_gap_s = MAX_SILENCE_S if has_one_clock else MAX_JUMP_S
        self._clock = ContainerClock(_start_s(self._container), max_gap_s=max_gap_s)
        return duration_s

    def read(self) -> Iterator[Samples]:
        """Yield samples as they are decoded, and silence for what the track lacks or cannot be decoded.

        Raises:
            CorruptAudioError: The input is damaged or truncated. Raised after all decodable audio.
            NotAudioError: Nothing could be decoded, and the format is not known.
        """
        try:
            for samples in resampled(self._pieces()):
                yield clean(samples)
        except ConfigError as error:
            raise CorruptAudioError(f"{self._name} cannot be used: its {error}") from None
        self._check()

    def interrupt(self) -> None:
        """Make `open` and `read` end soon. A network read is not interrupted; its timeout ends it."""
        self._is_interrupted = True
        if isinstance(self._target, ByteStream):
            self._target.interrupt()

    def close(self) -> None:
        """Close the container. The caller closes a byte stream."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open_bytes(self, stream: ByteStream) -> InputContainer:
        if not stream.peek(1):
            raise NotAudioError(f"{self._name} is empty")
        if stream.peek(len(_PLAYLIST)) == _PLAYLIST:
            raise NotAudioError(f"{self._name} is a playlist; open a file that it lists, or the playlist's own address")
        self._is_known_format = is_container(stream.peek)
        self._num_missing_bytes = num_missing_wav_bytes(stream) or num_missing_ogg_bytes(stream)
        options = {"protocol_whitelist": _NO_PROTOCOLS}
        return av.open(stream, "r", options=options, metadata_errors="replace", buffer_size=MAX_READ_BYTES)

    def _open_address(self, address: Address) -> InputContainer:
        options = {
            "protocol_whitelist": FFMPEG_PROTOCOLS,
            "rtsp_flags": "prefer_tcp",  # most home routers drop UDP, and FFmpeg falls back only after a timeout
            **tls_options(),
        }
        time_limits = (self._limits.open_s, self._limits.read_s)
        return av.open(address.url, "r", options=options, metadata_errors="replace", timeout=time_limits)

    def _open_error(self, error: av.FFmpegError) -> AudioError:
        """The exception for an input that could not be opened."""
        if isinstance(self._target, Address):
            return _network_error(self._name, error, self._limits)
        if self._is_known_format:
            return CorruptAudioError(f"{self._name} looks like audio but cannot be opened: {_reason(error)}")
        return NotAudioError(f"{self._name} is not in an audio format that FFmpeg knows")

    def _pieces(self) -> Iterator[tuple[int, Samples]]:
        """Yield sample rate and mono samples: joined to `_PIECE_S` from a file, each frame at once from live input."""
        is_file = isinstance(self._target, ByteStream) and self._target.seekable()
        waiting: list[Samples] = []
        waiting_s, last_rate_hz = 0.0, 0
        for rate_hz, samples in self._on_clock():
            if waiting and rate_hz != last_rate_hz:
                yield last_rate_hz, np.concatenate(waiting)
                waiting, waiting_s = [], 0.0
            last_rate_hz = rate_hz
            waiting.append(samples)
            waiting_s += samples.size / rate_hz
            if not is_file or waiting_s >= _PIECE_S:
                yield rate_hz, np.concatenate(waiting)
                waiting, waiting_s = [], 0.0
        if waiting:
            yield last_rate_hz, np.concatenate(waiting)

    def _on_clock(self) -> Iterator[tuple[int, Samples]]:
        """Yield sample rate and mono samples of all frames, and silence for the gaps."""
        for frame in self._frames():
            self._has_decoded = True
            yield from self._clock.add(Piece(frame.sample_rate, self._mixer.mono(frame), frame.time))
        if self._has_decoded and self._damaged_until_s is not None:
            yield from self._clock.add(Piece(SAMPLE_RATE_HZ, np.zeros(0, np.float32), self._damaged_until_s))
        yield from self._clock.finish()

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield the decodable frames; afterwards `_failure` describes the errors, if any."""
        try:
            for packet in self._packets():
                if self._is_interrupted:
                    raise ReadInterruptedError
                yield from filter(self._is_whole, self._decode(packet))
        except av.FFmpegError as error:
            self._failure = _reason(error)
        except AudioError as error:  # the bytes cannot be read any further
            self._failure = str(error)

    def _decode(self, packet: Packet[AudioStream] | None) -> list[AudioFrame]:
        assert self._stream is not None, "open comes before read"
        try:
            frames = self._stream.decode(packet)
            if packet is not None:
                self._damage.add_decoded(
                    packet.size, sum(frame.samples / max(1, frame.sample_rate) for frame in frames)
                )
            return frames
        except av.error.EOFError:
            pass  # the decoder was flushed before, see `_packets`
        except av.FFmpegError:
            if packet is not None:
                stated_s = (packet.duration or 0) * (packet.time_base or 0)
                self._damage.add_undecodable(bytes(packet), float(stated_s))
            self._damaged_until_s = _end_s(packet)
        return []

    def _is_whole(self, frame: AudioFrame) -> bool:
        """Whether all channels of the frame are accessible."""
        num_planes = _num_planes(frame)
        if num_planes > _MAX_PLANES:
            self._failure = f"it has {num_planes} channels, more than {_MAX_PLANES}"
        return num_planes <= _MAX_PLANES

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Yield the packets. None, or an empty packet, flushes the decoder."""
        assert self._container is not None and self._stream is not None, "open comes before read"
        is_at_end = False
        while not is_at_end:
            try:
                yield from self._container.demux(self._stream)
                is_at_end = True
            except IndexError:
                pass  # PyAV 18 raises it once when a stream starts in the middle of the file; retry
            except av.error.OSError as error:
                if not self._is_end_of_unsized_body(error):
                    raise
                yield None
                is_at_end = True

    def _is_end_of_unsized_body(self, error: av.error.OSError) -> bool:
        """Whether an HTTP response without a stated length ended with its connection (RFC 9112, section 6.3).

        FFmpeg reports that as an I/O error. A truncated chunked response, unless sent with `Connection: close`, gives
        the same error and counts as the end, too.
        """
        assert self._container is not None, "read comes before close"
        is_http = isinstance(self._target, Address) and self._target.url.lower().startswith("http")
        return is_http and error.errno == errno.EIO and _size_bytes(self._container) is None

    def _check(self) -> None:
        """Raise if the input was damaged or truncated, or held no audio."""
        problem = self._failure or self._missing() or self._undecodable()
        if not self._has_decoded and not self._is_known_format:
            raise NotAudioError(f"{self._name} contains no audio")
        if problem is None:
            return
        if not self._has_decoded and self._is_index_out_of_reach():
            raise AudioError(
                f"{self._name} cannot be read sequentially: its index seems to be at its end; "
                "save it to a file and open that"
            )
        if not self._has_decoded:
            raise CorruptAudioError(f"{self._name} contains nothing that can be decoded: {problem}")
        raise CorruptAudioError(
            f"{self._name} is damaged or truncated; {self._clock.position_s:.2f} s were read: {problem}"
        )

    def _is_index_out_of_reach(self) -> bool:
        """Whether this may be an MP4 with its index at the end, from a pipe or from a server without range requests."""
        assert self._container is not None, "read comes before close"
        can_seek = isinstance(self._target, ByteStream) and self._target.seekable()
        return self._container.format.name == _MP4 and not can_seek

    def _missing(self) -> str | None:
        assert self._container is not None and self._stream is not None, "read comes before close"
        if self._num_missing_bytes:
            problem = f"its last {self._num_missing_bytes} bytes are missing"
            if self._container.format.name != _WAV or not self._stream.bit_rate or not self._has_decoded:
                return problem
            if self._num_missing_bytes * 8 / self._stream.bit_rate > LENGTH_TOLERANCE_S:
                return problem
            self.notices.append(wrong_length(self._name, self._num_missing_bytes))
        stated_s = _stated_s(self._container, self._stream, self._target)
        if stated_s is not None and stated_s - self._clock.position_s > _MISSING_TOLERANCE_S:
            return f"its header states {stated_s:.2f} s"
        if self._container.format.name in _FORMATS_WITHOUT_GAPS and self._clock.silence_s > _MISSING_TOLERANCE_S:
            return f"{self._clock.silence_s:.2f} s of it are missing"
        return None

    def _undecodable(self) -> str | None:
        """Why packets that gave an error are lost audio; if they are not, add a notice."""
        num_packets = self._damage.num_packets
        if not num_packets:
            return None
        assert self._container is not None and self._stream is not None, "read comes before close"
        is_complete = _stated_s(self._container, self._stream, self._target) is not None  # else `_missing` had said so
        lost_s = self._damage.lost_s(self._container.format.name, is_complete=is_complete)
        if lost_s > LENGTH_TOLERANCE_S or not self._has_decoded:
            return f"{num_packets} of its packets could not be decoded"
        self.notices.append(
            Notice(
                "undecodable_bytes",
                f"{self._name} holds bytes that are no audio ({num_packets} packets); they were skipped",
            )
        )
        return None


def _audio_stream(name: str, container: InputContainer) -> AudioStream:
    """The container's default audio stream, else the one with the most channels."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        if container.streams.audio:
            raise CorruptAudioError(f"{name} is damaged: its header does not state the audio codec")
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise NotAudioError(f"{name} contains no audio, only {kinds}")
    if stream.codec_context is None:
        raise AudioError(f"{name} uses an audio codec that FFmpeg cannot decode")
    return stream


def _duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    """The length from the container's start to the end of the track; None if unknown."""
    if stream.duration is not None and stream.time_base is not None:
        start_s, zero_s = stream.start_time, _start_s(container)
        before_s = 0.0 if start_s is None or zero_s is None else float(start_s * stream.time_base) - zero_s
        return float(stream.duration * stream.time_base) + (before_s if 0 < before_s < MAX_SILENCE_S else 0.0)
    return None if container.duration is None else container.duration / av.time_base


def _start_s(container: InputContainer) -> float | None:
    """The start of the container's earliest track on its clock."""
    return None if container.start_time is None else container.start_time / av.time_base


def _end_s(packet: Packet[AudioStream] | None) -> float | None:
    """The end of a packet on the container's clock."""
    if packet is None or packet.pts is None or packet.time_base is None:
        return None
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _stated_s(container: InputContainer, stream: AudioStream, target: ByteStream | Address) -> float | None:
    """The length stated by the header, or None if FFmpeg estimated it from the size or from other streams."""
    duration_s = _duration_s(container, stream)
    if duration_s is None or container.format.name not in _FORMATS_WITH_LENGTH:
        return None
    if stream.duration is None and len(container.streams) > 1:
        return None
    size_bytes = target.size_bytes if isinstance(target, ByteStream) else _size_bytes(container)
    if container.format.name == "mp3" and size_bytes is not None and stream.bit_rate:
        estimate_s = size_bytes * 8 / stream.bit_rate
        return None if abs(duration_s - estimate_s) < 0.02 * estimate_s else duration_s
    return duration_s


def _size_bytes(container: InputContainer) -> int | None:
    """The size stated by the server, if any."""
    return container.size if container.size >= 0 else None


class _FrameMixer:
    """Mixes the frames of one track. Their rate and their number of channels may change, as in concatenated files."""

    def __init__(self) -> None:
        self._format = (0, 0)
        self._downmix = Downmix(1, 0)

    def mono(self, frame: AudioFrame) -> Samples:
        """The frame's mono samples."""
        num_channels = frame.layout.nb_channels
        if (num_channels, frame.sample_rate) != self._format:
            self._format = (num_channels, frame.sample_rate)
            self._downmix = Downmix(*self._format)
        planes = [bytes(plane) for plane in frame.planes[: _num_planes(frame)]]
        samples = to_samples(frame.format.name, planes, num_samples=frame.samples, num_channels=num_channels)
        return self._downmix.feed(samples)


def _num_planes(frame: AudioFrame) -> int:
    """Not `len(frame.planes)`: PyAV 18 returns one too many if all are in use."""
    return frame.layout.nb_channels if frame.format.is_planar else 1


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
