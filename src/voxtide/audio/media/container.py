"""Decoding with FFmpeg. In: a file's bytes or an address. Out: mono samples at 16 kHz. Blocks; knows no asyncio.

demuxer -> packets -> decoder of each track -> track_samples -> check for what the header states and was not there
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from av.audio.stream import AudioStream
from av.packet import Packet

from voxtide.audio.addresses import Address, Limits
from voxtide.audio.bytestream import ByteStream, ReadInterruptedError
from voxtide.audio.downmix import mix_down
from voxtide.audio.media.damage import TrackEnd
from voxtide.audio.media.demuxer import Demuxer
from voxtide.audio.media.track_decoder import DecodedTrack, channels_of
from voxtide.audio.media.track_samples import TrackMix
from voxtide.audio.media.tracks import AudioTrack, TrackChoice, TrackLevels, chosen_tracks, listing
from voxtide.audio.pcm import LENGTH_TOLERANCE_S, wrong_length
from voxtide.errors import AudioError, ConfigError, CorruptAudioError, NotAudioError
from voxtide.types import Notice, Samples

_PIECE_S = 0.1
"""Frames of a file (as short as 2.5 ms) are resampled in pieces of this length, for speed. Live frames are not."""

_WAV = "wav"
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


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
        self._opened: Demuxer | None = None
        self._tracks: list[DecodedTrack] = []
        self._failure: str | None = None
        self._has_noticed_scale = False

    @property
    def is_recognised(self) -> bool:
        """Whether FFmpeg knew the format at `open`, with or without audio in it."""
        return self._opened is not None

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
        demuxer = self._opened = Demuxer(self._name, self._target, self._limits)
        self.notices.extend(demuxer.notices)
        infos = list(demuxer.tracks())
        default = next(track for track in infos if track.is_default)
        if self._choice is not None:
            used = chosen_tracks(self._name, infos, self._choice)
        elif len(infos) > 1 and demuxer.is_readable_twice:
            used = [self._track_with_sound(default)]
        else:
            used = [default]
        if len(infos) > 1:
            silent = default if self._choice is None and used != [default] else None
            self.notices.append(Notice("tracks", listing(self._name, infos, used, silent)))
        streams = demuxer.tracks()
        self._tracks = [self._decoded_track(track, streams[track]) for track in used]
        lengths_s = [demuxer.duration_s(track.stream) for track in self._tracks]
        return None if None in lengths_s else max(length_s for length_s in lengths_s if length_s is not None)

    @property
    def _demuxer(self) -> Demuxer:
        assert self._opened is not None, "open comes before read, and read before close"
        return self._opened

    def _decoded_track(self, track: AudioTrack, stream: AudioStream) -> DecodedTrack:
        piece_s = _PIECE_S if self._demuxer.is_seekable else 0.0
        return DecodedTrack(track, stream, self._demuxer.clock(stream), piece_s=piece_s)

    def _track_with_sound(self, default: AudioTrack) -> AudioTrack:
        """Look ahead for the track to read, and open the container again."""
        levels = TrackLevels(default)
        tracks = {stream.index: self._decoded_track(info, stream) for info, stream in self._demuxer.tracks().items()}
        with contextlib.suppress(AudioError):  # reading it again will report that
            for packet in self._demuxer.packets([track.stream for track in tracks.values()]):
                if self._is_interrupted:
                    raise ReadInterruptedError
                if packet is None:
                    break
                track = tracks[packet.stream.index]
                for frame in track.decode(packet):
                    levels.add(track.info, mix_down(channels_of(frame)), frame.sample_rate)
                if levels.is_decided():
                    break
        self._demuxer.reopen()
        return levels.best()

    def read(self) -> Iterator[Samples]:
        """Yield samples as they are decoded, and silence for what the track lacks or cannot be decoded.

        Raises:
            CorruptAudioError: The input is damaged or truncated. Raised after all decodable audio.
            NotAudioError: Nothing could be decoded, and the format is not known.
        """
        try:
            for samples in self._decoded() if len(self._tracks) == 1 else self._mixed():
                self._notice_scale()
                yield samples
        except ConfigError as error:
            raise CorruptAudioError(f"{self._name} cannot be used: its {error}") from None
        if not (isinstance(self._target, ByteStream) and self._target.is_ended):
            self._check()

    def interrupt(self) -> None:
        """Make `open` and `read` end soon. A network read is not interrupted; its timeout ends it."""
        self._is_interrupted = True
        if isinstance(self._target, ByteStream):
            self._target.interrupt()

    def close(self) -> None:
        """Close the container. The caller closes a byte stream."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

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

    def _notice_scale(self) -> None:
        """Add a notice, once, if float samples are on another scale than [-1, 1]."""
        off_scale = next((track.scale for track in self._tracks if track.scale.is_off_scale), None)
        if off_scale is not None and not self._has_noticed_scale:
            self._has_noticed_scale = True
            self.notices.append(off_scale.notice(self._name))

    def _all_packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Yield the packets up to the end or an error; afterwards `_failure` describes the error, if any."""
        try:
            for packet in self._demuxer.packets([track.stream for track in self._tracks]):
                if self._is_interrupted:
                    raise ReadInterruptedError
                yield packet
        except AudioError as error:  # the input cannot be read any further
            self._failure = str(error)

    def _check(self) -> None:
        """Raise if the input was damaged or truncated, or held no audio; else add notices of what was skipped."""
        problem = self._problem()
        has_decoded = any(track.has_decoded for track in self._tracks)
        if not has_decoded and not self._demuxer.is_known_format:
            raise NotAudioError(f"{self._name} contains no audio")
        if problem is None:
            self.notices.extend(self._skipped())
            return
        # An MP4 with its index at the end, from a pipe or from a server without range requests?
        if not has_decoded and self._demuxer.format_name == _MP4 and not self._demuxer.is_seekable:
            raise AudioError(
                f"{self._name} cannot be read sequentially: its index seems to be at its end; "
                "save it to a file and open that"
            )
        if not has_decoded:
            raise CorruptAudioError(f"{self._name} contains nothing that can be decoded: {problem}")
        read_s = max(track.clock.position_s for track in self._tracks)
        raise CorruptAudioError(f"{self._name} is damaged or truncated; {read_s:.2f} s were read: {problem}")

    def _problem(self) -> str | None:
        """What is wrong with the tracks, which were read to their end."""
        if self._failure and not self._fails_behind_audio():
            return self._failure
        failures = (track.failure for track in self._tracks)
        return next(filter(None, failures), None) or self._missing_bytes() or self._lost()

    def _fails_behind_audio(self) -> bool:
        """Whether reading failed only behind the stated end of all tracks, such as in a tag."""
        return self._failure is not None and all(end.is_complete for end in self._ends())

    def _missing_bytes(self) -> str | None:
        """The problem that more bytes are missing, according to the header, than a WAV file may lack."""
        if not self._demuxer.num_missing_bytes or self._has_wrong_length():
            return None
        return f"its last {self._demuxer.num_missing_bytes} bytes are missing"

    def _has_wrong_length(self) -> bool:
        """Whether it is a WAV file whose header states little more than there is."""
        num_bytes, track = self._demuxer.num_missing_bytes, self._tracks[0]
        bit_rate = track.stream.bit_rate if track.has_decoded and self._demuxer.format_name == _WAV else None
        return bool(num_bytes and bit_rate and num_bytes * 8 / bit_rate <= LENGTH_TOLERANCE_S)

    def _lost(self) -> str | None:
        """The problem that audio was lost."""
        problems = (end.problem(self._demuxer.format_name) for end in self._ends())
        num_holes = self._demuxer.num_holes
        missing = f"packets are missing in {_counted(num_holes, 'place')}" if num_holes else None
        return next(filter(None, problems), missing)

    def _ends(self) -> Iterator[TrackEnd]:
        """What was read of each track."""
        return (track.end(self._demuxer.stated_s(track.stream)) for track in self._tracks)

    def _skipped(self) -> Iterator[Notice]:
        """Notices of bytes that were missing or skipped, in an input without a problem."""
        if self._has_wrong_length():
            yield wrong_length(self._name, self._demuxer.num_missing_bytes)
        num_packets = sum(track.damage.num_packets for track in self._tracks)
        if num_packets or self._demuxer.has_rest or self._fails_behind_audio():
            skipped = _counted(num_packets, "packet") if num_packets else "after its last packet"
            message = f"{self._name} holds bytes that are no audio ({skipped}); they were skipped"
            yield Notice("undecodable_bytes", message)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
