"""Decoding one track. In: packets. Out: frames and mono samples, and the damage found. Knows no container.

Not every packet can be decoded, and what is lost is counted: `damage` decides whether that is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from voxtide.audio.encodings import ScaleCheck
from voxtide.audio.media.clock import ContainerClock
from voxtide.audio.media.damage import Damage, TrackEnd
from voxtide.audio.media.track_samples import TrackSamples, to_samples
from voxtide.audio.media.tracks import AudioTrack
from voxtide.types import Samples

_MAX_PLANES = 8
"""FFmpeg's AV_NUM_DATA_POINTERS. PyAV cannot read the planes of planar frames beyond it."""

_DECODERS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
"""Decoders that are used instead of FFmpeg's own, where this build has them. FFmpeg's own AMR decoders fail at the
silence frames of discontinuous transmission, which every telephone sends."""


class DecodedTrack:
    """An audio track that is read: its stream, its position, and the damage found in it. `add` its packets in order."""

    def __init__(self, info: AudioTrack, stream: AudioStream, clock: ContainerClock, *, piece_s: float) -> None:
        self.info = info
        self.stream = stream
        self.clock = clock
        self.damage = Damage()
        self.scale = ScaleCheck()
        self.failure: str | None = None
        self.has_decoded = False
        self._samples = TrackSamples(clock, piece_s=piece_s)
        self._decoder = _decoder(stream)
        self._damaged_until_s: float | None = None

    def add(self, packet: Packet[AudioStream] | None) -> Iterator[Samples]:
        """Yield the samples that `packet` completes."""
        for frame in self.decode(packet):
            self.has_decoded = True
            yield from self._samples.add(channels_of(frame, self.scale), frame.sample_rate, frame.time)

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
            return []  # the decoder was flushed before, see `Demuxer.packets`
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


def _decoder(stream: AudioStream) -> AudioCodecContext:
    """The decoder of a stream: FFmpeg's default, or a better one."""
    name = _DECODERS.get(stream.codec_context.name)
    if name is None or name not in av.codecs_available:
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, AudioCodecContext), "an audio codec has an audio context"
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _end_s(packet: Packet[AudioStream] | None) -> float | None:
    """The end of a packet on the container's clock."""
    if packet is None or packet.pts is None or packet.time_base is None:
        return None
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def channels_of(frame: AudioFrame, scale: ScaleCheck | None = None) -> Samples:
    """The frame's samples, shape [n, num_channels]. `scale` checks those of float formats."""
    planes = [bytes(plane) for plane in frame.planes[: _num_planes(frame)]]
    return to_samples(
        frame.format.name, planes, num_samples=frame.samples, num_channels=frame.layout.nb_channels, scale=scale
    )


def _num_planes(frame: AudioFrame) -> int:
    """Not `len(frame.planes)`: PyAV 18 returns one too many if all are in use."""
    return frame.layout.nb_channels if frame.format.is_planar else 1
