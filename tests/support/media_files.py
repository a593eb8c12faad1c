"""Audio for the tests, in any format that FFmpeg can write, generated at run time."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.source_tree import PACKAGE
from voxtide.errors import VoxtideError
from voxtide.types import SAMPLE_RATE_HZ, Samples

SPEECH = PACKAGE / "bench" / "data" / "goforward.wav"


def tone(duration_s: float, *, rate_hz: int = SAMPLE_RATE_HZ, hz: float = 440.0, peak: float = 0.5) -> Samples:
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def film(
    *tracks: Samples,
    languages: tuple[str, ...] = (),
    container: str = "matroska",
    codec: str = "flac",
    rate_hz: int = SAMPLE_RATE_HZ,
) -> bytes:
    """A file with these audio tracks; the first is the default."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        streams = [output.add_stream(codec, rate=rate_hz, layout="mono") for _ in tracks]
        for number, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition(int(number == 0))
            if languages:
                stream.metadata["language"] = languages[number]
        for start in range(0, max(track.size for track in tracks), 4_096):
            for track, stream in zip(tracks, streams, strict=True):
                part = (track[None, start : start + 4_096] * 32767).astype(np.int16)
                if part.size:
                    frame = av.AudioFrame.from_ndarray(part, "s16", "mono")
                    frame.sample_rate, frame.pts = rate_hz, start
                    output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return target.getvalue()


def encode(
    target: Path | io.BytesIO,
    channels: NDArray[np.float32],
    codec: str,
    *,
    rate_hz: int,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """Write `channels`, shape [num_channels, n] or [n], at `rate_hz` with FFmpeg's `codec`."""
    channels = np.atleast_2d(channels)
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(channels)]
    with av.open(target if isinstance(target, io.BytesIO) else str(target), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout, options=options or {})
        interleaved = np.ascontiguousarray(channels.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        fitter = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, frame_size=stream.codec_context.frame_size or 1024
        )
        for fitted in [*fitter.resample(frame), *fitter.resample(None)]:
            output.mux(stream.encode(fitted))
        output.mux(stream.encode(None))


def encoded(channels: NDArray[np.float32], codec: str, container: str, *, rate_hz: int) -> bytes:
    target = io.BytesIO()
    encode(target, channels, codec, rate_hz=rate_hz, container=container)
    return target.getvalue()


def wav_bytes(samples: Samples, *, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """A 16-bit mono WAV file, written by Python's `wave`."""
    target = io.BytesIO()
    with wave.open(target, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(rate_hz)
        output.writeframes((samples * 32767).astype("<i2").tobytes())
    return target.getvalue()


def black_picture() -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))


def pipe(content: bytes) -> SimpleNamespace:
    """A stdin that cannot seek."""
    return SimpleNamespace(read=io.BytesIO(content).read)


def joined(chunks: Iterable[Samples]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *chunks])


async def read_all(source: AsyncIterable[Samples]) -> Samples:
    """All remaining samples of an open source."""
    return joined([chunk async for chunk in source])


async def read_until_error(source: AsyncIterable[Samples]) -> tuple[list[Samples], VoxtideError | None]:
    """The chunks of an open source, and the error raised after them."""
    chunks: list[Samples] = []
    try:
        async for chunk in source:
            chunks.append(chunk)  # noqa: PERF401  # a comprehension would lose them with the error
    except VoxtideError as error:
        return chunks, error
    return chunks, None


def loudest_hz(samples: Samples) -> float:
    """The frequency with the highest power."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / samples.size)


def speech() -> Samples:
    """Real speech, 2.8 s."""
    return np.frombuffer(SPEECH.read_bytes()[44:], "<i2").astype(np.float32) / 32768


def similarity(decoded: Samples, original: Samples) -> float:
    """Correlation at zero lag: 1.0 for the same shape, about 0.0 if shifted or unrelated."""
    size = min(decoded.size, original.size)
    return float(np.corrcoef(decoded[:size], original[:size])[0, 1])


def shift_samples(decoded: Samples, original: Samples) -> int:
    """The delay of `decoded` at the maximum of the cross-correlation."""
    size = decoded.size + original.size
    products = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(original, size)), size)
    place = int(np.argmax(products))
    return place if place < decoded.size else place - size
