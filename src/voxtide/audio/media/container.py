"""Decoding with FFmpeg. In: a file's bytes or an address. Out: mono samples at 16 kHz. Blocks; knows no asyncio.

The only module that imports PyAV. PyAV keeps FFmpeg's log off stderr unless its log level is set; do not set it.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from voxtide.audio.addresses import FFMPEG_PROTOCOLS, Address, Limits
from voxtide.audio.bytestream import MAX_READ_BYTES, ByteStream, ReadInterruptedError
from voxtide.audio.downmix import mix_down
from voxtide.audio.media.clock import MAX_JUMP_S, MAX_SILENCE_S, ContainerClock
from voxtide.audio.media.damage import Damage, TrackEnd, stated_s
from voxtide.audio.media.ogg import num_missing_ogg_bytes
from voxtide.audio.media.sniff import is_container
from voxtide.audio.media.track_samples import TrackMix, TrackSamples, to_samples
from voxtide.audio.media.tracks import AudioTrack, TrackChoice, TrackLevels, chosen_tracks, described, listing
from voxtide.audio.pcm import LENGTH_TOLERANCE_S, num_missing_wav_bytes, wrong_length
from voxtide.audio.trust import tls_options
from voxtide.errors import AudioError, ConfigError, CorruptAudioError, NotAudioError, SourceNotFoundError
from voxtide.types import Notice, Samples

_NO_PROTOCOLS = ""
"""Protocols FFmpeg may use because of a local file's content: none. The file itself is read here."""

_PLAYLIST = b"#EXTM3U"

_PIECE_S = 0.1
"""Frames of a file (as short as 2.5 ms) are resampled in pieces of this length, for speed. Live frames are not."""

_MAX_PLANES = 8
"""FFmpeg's AV_NUM_DATA_POINTERS. PyAV cannot read the planes of planar frames beyond it."""

_WAV = "wav"
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"

_DECODERS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
"""Decoders that are used instead of FFmpeg's own, where this build has them. FFmpeg's own AMR decoders fail at the
silence frames of discontinuous transmission, which every telephone sends."""

_CLOCK_MAY_RESTART = 0x200
"""FFmpeg's AVFMT_TS_DISCONT, a flag of formats. An integer, because PyAV's enumeration does not combine with one."""


class _Track:
    """An audio track that is read: its stream, its position, and the damage found in it."""

    def __init__(self, info: AudioTrack, stream: AudioStream, clock: ContainerClock, *, piece_s: float) -> None:
        self.info = info
        self.stream = stream
        self.clock = clock
        self.damage = Damage()
        self.failure: str | None = None
        self.has_decoded = False
        self._samples = TrackSamples(clock, piece_s=piece_s)
        self._decoder = _decoder(stream)
        self._damaged_until_s: float | None = None

    def add(self, packet: Packet[AudioStream] | None) -> Iterator[Samples]:
        """Yield the samples that `packet` completes."""
        for frame in self.decode(packet):
            self.has_decoded = True
            yield from self._samples.add(_channels(frame), frame.sample_rate, frame.time)

    def finish(self) -> Iterator[Samples]:
        """Yield the rest."""
        yield from self._samples.finish(self._damaged_until_s if self.has_decoded else None)

    def end(self, length_s: float | None) -> TrackEnd:
        """What was read of the track; `length_s` is its length by the header, if that states it."""
        return TrackEnd(
            damage=self.damage,
            stated_s=length_s,
            decoded_s=self._samples.decoded_s,
            position_s=self.clock.position_s,
            silence_s=self.clock.silence_s,
        )

    def decode(self, packet: Packet[AudioStream] | None) -> list[AudioFrame]:
        """The frames that `packet` completes, as far as they can be decoded; None flushes the decoder."""
        try:
            frames = self._decoder.decode(packet)
        except av.error.EOFError:
            return []  # the decoder was flushed before, see `MediaReader._packets`
        except av.FFmpegError:
            if packet is not None:
                length_s = (packet.duration or 0) * (packet.time_base or 0)
                self.damage.add_undecodable(bytes(packet), float(length_s))
            self._damaged_until_s = _end_s(packet)
            return []
        if packet is not None:
            decoded_s = sum(frame.samples / max(1, frame.sample_rate) for frame in frames)
            self.damage.add_decoded(packet.size, decoded_s)
        return [frame for frame in frames if self._is_whole(frame)]

    def _is_whole(self, frame: AudioFrame) -> bool:
        """Whether all channels of the frame are accessible."""
        num_planes = _num_planes(frame)
        if num_planes > _MAX_PLANES:
            self.failure = f"it has {num_planes} channels, more than {_MAX_PLANES}"
        return num_planes <= _MAX_PLANES


class MediaReader:
    """Reads audio of a container: one track, or a mix of all. A `SampleReader` (see threaded.py)."""

    def __init__(
        self,
        name: str,
        target: ByteStream | Address,
        limits: Limits | None = None,
        *,
        track: TrackChoice | None = None,
    ) -> None:
        """Read `track` of `target`; None for the default track, or the one with sound (tracks.py)."""
        self.notices: list[Notice] = []
        self._name = name
        self._target = target
        self._limits = limits or Limits()
        self._choice = track
        self._is_interrupted = False
        self._is_known_format = True
        self._num_missing_bytes = 0
        self._container: InputContainer | None = None
        self._tracks: list[_Track] = []
        self._failure: str | None = None

    @property
    def is_recognised(self) -> bool:
        """Whether FFmpeg knew the format at `open`, with or without audio in it."""
        return self._container is not None

    def open(self) -> float | None:
        """Find the audio; returns its length in seconds, or None if unknown.

        A notice lists the tracks if there are several.

        Raises:
            SourceNotFoundError: The address cannot be reached, or does not exist.
            NotAudioError: Unknown format, or no audio in it.
            CorruptAudioError: A known format that cannot be opened.
            AudioError: Access denied, or timeout.
            ConfigError: There is no such track.
        """
        self._container = self._open_container()
        tracks = _audio_tracks(self._name, self._container)
        infos = [track for track, _ in tracks]
        default = next(track for track in infos if track.is_default)
        if self._choice is not None:
            used = chosen_tracks(self._name, infos, self._choice)
        elif len(infos) > 1 and self._can_look_ahead():
            used = [self._track_with_sound(default)]
        else:
            used = [default]
        if len(infos) > 1:
            silent = default if self._choice is None and used != [default] else None
            self.notices.append(Notice("tracks", listing(self._name, infos, used, silent)))
        streams = dict(_audio_tracks(self._name, self._container))
        self._tracks = [self._reading(track, streams[track]) for track in used]
        lengths_s = [_duration_s(self._container, track.stream) for track in self._tracks]
        return None if None in lengths_s else max(length_s for length_s in lengths_s if length_s is not None)

    def _open_container(self) -> InputContainer:
        try:
            if isinstance(self._target, ByteStream):
                return self._open_bytes(self._target)
            return self._open_address(self._target)
        except av.FFmpegError as error:
            # Not chained: PyAV's message quotes the whole address with its credentials.
            raise self._open_error(error) from None

    def _reading(self, track: AudioTrack, stream: AudioStream) -> _Track:
        assert self._container is not None, "open comes before read"
        is_recording = isinstance(self._target, ByteStream) or _duration_s(self._container, stream) is not None
        has_one_clock = is_recording and not self._container.format.flags & _CLOCK_MAY_RESTART
        clock = ContainerClock(_start_s(self._container), max_gap_s=MAX_SILENCE_S if has_one_clock else MAX_JUMP_S)
        is_seekable = isinstance(self._target, ByteStream) and self._target.seekable()
        return _Track(track, stream, clock, piece_s=_PIECE_S if is_seekable else 0.0)

    def _can_look_ahead(self) -> bool:
        """Whether the input can be read twice: a file, here or on a web server."""
        assert self._container is not None, "open comes before read"
        if isinstance(self._target, ByteStream):
            return self._target.seekable()
        return self._is_http() and _size_bytes(self._container) is not None

    def _track_with_sound(self, default: AudioTrack) -> AudioTrack:
        """Look ahead for the track to read, and open the container again."""
        assert self._container is not None, "open comes before read"
        levels = TrackLevels(default)
        tracks = {
            stream.index: self._reading(info, stream) for info, stream in _audio_tracks(self._name, self._container)
        }
        with contextlib.suppress(av.FFmpegError, AudioError):  # reading it again will report that
            for packet in self._demux(tracks.values()):
                if self._is_interrupted:
                    raise ReadInterruptedError
                track = tracks[packet.stream.index]
                for frame in track.decode(packet):
                    levels.add(track.info, mix_down(_channels(frame)), frame.sample_rate)
                if levels.is_decided():
                    break
        self._container.close()
        if isinstance(self._target, ByteStream):
            self._target.seek(0)
        self._container = self._open_container()
        return levels.best()

    def read(self) -> Iterator[Samples]:
        """Yield samples as they are decoded, and silence for what the track lacks or cannot be decoded.

        Raises:
            CorruptAudioError: The input is damaged or truncated. Raised after all decodable audio.
            NotAudioError: Nothing could be decoded, and the format is not known.
        """
        try:
            yield from self._decoded() if len(self._tracks) == 1 else self._mixed()
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

    def _mixed(self) -> Iterator[Samples]:
        """Yield the mix of all tracks."""
        mix = TrackMix(len(self._tracks))
        for packet in self._all_packets():
            for index, track in enumerate(self._tracks):
                if packet is None or packet.stream.index == track.stream.index:
                    for samples in track.add(packet):
                        yield mix.add(index, samples)
        for index, track in enumerate(self._tracks):
            for samples in track.finish():
                yield mix.add(index, samples)
        yield mix.finish()

    def _decoded(self) -> Iterator[Samples]:
        """Yield the samples of the only track."""
        track = self._tracks[0]
        for packet in self._all_packets():
            yield from track.add(packet)
        yield from track.finish()

    def _all_packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Yield the packets up to the end or an error; afterwards `_failure` describes the error, if any."""
        try:
            for packet in self._packets():
                if self._is_interrupted:
                    raise ReadInterruptedError
                yield packet
        except av.FFmpegError as error:
            self._failure = _reason(error)
        except AudioError as error:  # the bytes cannot be read any further
            self._failure = str(error)

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Yield the packets. None, or an empty packet, flushes the decoder."""
        try:
            yield from self._demux(self._tracks)
        except av.error.OSError as error:
            if not self._is_end_of_unsized_body(error):
                raise
            yield None

    def _demux(self, tracks: Iterable[_Track]) -> Iterator[Packet[AudioStream]]:
        assert self._container is not None, "open comes before read"
        streams = [track.stream for track in tracks]
        is_at_end = False
        while not is_at_end:
            try:
                yield from cast("Iterator[Packet[AudioStream]]", self._container.demux(streams))
                is_at_end = True
            except IndexError:
                pass  # PyAV 18 raises it once when a stream starts in the middle of the file; retry

    def _is_end_of_unsized_body(self, error: av.error.OSError) -> bool:
        """Whether an HTTP response without a stated length ended with its connection (RFC 9112, section 6.3).

        FFmpeg reports that as an I/O error. A truncated chunked response, unless sent with `Connection: close`, gives
        the same error and counts as the end, too.
        """
        assert self._container is not None, "read comes before close"
        return self._is_http() and error.errno == errno.EIO and _size_bytes(self._container) is None

    def _is_http(self) -> bool:
        return isinstance(self._target, Address) and self._target.url.lower().startswith("http")

    def _check(self) -> None:
        """Raise if the input was damaged or truncated, or held no audio."""
        problem = self._problem()
        has_decoded = any(track.has_decoded for track in self._tracks)
        if not has_decoded and not self._is_known_format:
            raise NotAudioError(f"{self._name} contains no audio")
        if problem is None:
            return
        if not has_decoded and self._is_index_out_of_reach():
            raise AudioError(
                f"{self._name} cannot be read sequentially: its index seems to be at its end; "
                "save it to a file and open that"
            )
        if not has_decoded:
            raise CorruptAudioError(f"{self._name} contains nothing that can be decoded: {problem}")
        read_s = max(track.clock.position_s for track in self._tracks)
        raise CorruptAudioError(f"{self._name} is damaged or truncated; {read_s:.2f} s were read: {problem}")

    def _is_index_out_of_reach(self) -> bool:
        """Whether this may be an MP4 with its index at the end, from a pipe or from a server without range requests."""
        assert self._container is not None, "read comes before close"
        can_seek = isinstance(self._target, ByteStream) and self._target.seekable()
        return self._container.format.name == _MP4 and not can_seek

    def _problem(self) -> str | None:
        """What is wrong with the tracks, which were read to their end."""
        failures = (track.failure for track in self._tracks)
        return self._failure or next(filter(None, failures), None) or self._missing_bytes() or self._lost()

    def _missing_bytes(self) -> str | None:
        """How many bytes the container lacks by its header; a few of a WAV file are only worth a notice."""
        assert self._container is not None, "read comes before close"
        if not self._num_missing_bytes:
            return None
        track = self._tracks[0]
        bit_rate = track.stream.bit_rate if track.has_decoded and self._container.format.name == _WAV else None
        if bit_rate and self._num_missing_bytes * 8 / bit_rate <= LENGTH_TOLERANCE_S:
            self.notices.append(wrong_length(self._name, self._num_missing_bytes))
            return None
        return f"its last {self._num_missing_bytes} bytes are missing"

    def _lost(self) -> str | None:
        """Which audio was lost; if none was and packets could not be decoded, add a notice."""
        assert self._container is not None, "read comes before close"
        num_packets = 0
        for track in self._tracks:
            length_s = _stated_s(self._container, track.stream, self._target)
            problem = track.end(length_s).problem(self._container.format.name)
            if problem is not None:
                return problem
            num_packets += track.damage.num_packets
        if num_packets:
            message = f"{self._name} holds bytes that are no audio ({num_packets} packets); they were skipped"
            self.notices.append(Notice("undecodable_bytes", message))
        return None


def _audio_tracks(name: str, container: InputContainer) -> list[tuple[AudioTrack, AudioStream]]:
    """The tracks that can be decoded. One is the default: FFmpeg's choice by disposition, channels and bit rate.

    Raises:
        NotAudioError: There is none.
        CorruptAudioError: The header does not state the codec.
        AudioError: FFmpeg cannot decode the default one.
    """
    best = container.streams.best("audio")
    if not isinstance(best, AudioStream):
        if container.streams.audio:
            raise CorruptAudioError(f"{name} is damaged: its header does not state the audio codec")
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise NotAudioError(f"{name} contains no audio, only {kinds}")
    if best.codec_context is None:
        raise AudioError(f"{name} uses an audio codec that FFmpeg cannot decode")
    return [
        (described(number, stream.metadata, is_default=stream.index == best.index), stream)
        for number, stream in enumerate(container.streams.audio, start=1)
        if stream.codec_context is not None
    ]


def _decoder(stream: AudioStream) -> AudioCodecContext:
    """The decoder of a stream: FFmpeg's default, or a better one."""
    name = _DECODERS.get(stream.codec_context.name)
    if name is None or name not in av.codecs_available:
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, AudioCodecContext), "an audio codec has an audio context"
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _duration_s(container: InputContainer, stream: AudioStream) -> float | None:
    """The length from the container's start to the end of the track; None if unknown."""
    if stream.duration is not None and stream.time_base is not None:
        first, zero_s = stream.start_time, _start_s(container)
        before_s = 0.0 if first is None or zero_s is None else float(first * stream.time_base) - zero_s
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
    if stream.duration is None and len(container.streams) > 1:
        return None
    num_bytes = target.size_bytes if isinstance(target, ByteStream) else _size_bytes(container)
    return stated_s(container.format.name, _duration_s(container, stream), num_bytes, stream.bit_rate)


def _size_bytes(container: InputContainer) -> int | None:
    """The size stated by the server, if any."""
    return container.size if container.size >= 0 else None


def _channels(frame: AudioFrame) -> Samples:
    """The frame's samples, shape [n, num_channels]."""
    planes = [bytes(plane) for plane in frame.planes[: _num_planes(frame)]]
    return to_samples(frame.format.name, planes, num_samples=frame.samples, num_channels=frame.layout.nb_channels)


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
