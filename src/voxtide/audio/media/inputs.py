"""Reader selection. In: a function that opens a byte stream. Out: its samples, mono at 16 kHz. Knows no asyncio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from voxtide.audio.bytestream import ByteStream, ReadInterruptedError
from voxtide.audio.media.container import MediaReader
from voxtide.audio.media.sniff import is_container
from voxtide.audio.pcm import PcmFormat, PcmReader, plain_wav
from voxtide.types import Samples


class BytesReader:
    """Opens a byte stream and reads it as raw PCM, plain WAV or through FFmpeg. A `SampleReader` (see threaded.py).

    With `pcm`, the bytes are raw PCM of that format. Without it, the first bytes decide: without a known
    signature, the input is PCM in the `fallback` format if given (a pipe), else left to FFmpeg (a file).
    """

    def __init__(
        self,
        name: str,
        open_stream: Callable[[], ByteStream],
        *,
        pcm: PcmFormat | None = None,
        fallback: PcmFormat | None = None,
        is_live: bool = False,
    ) -> None:
        self._name = name
        self._open_stream = open_stream
        self._pcm = pcm
        self._fallback = fallback
        self._is_live = is_live
        self._stream: ByteStream | None = None
        self._reader: PcmReader | MediaReader | None = None
        self._is_interrupted = False
        self._lock = threading.Lock()  # `interrupt` may be called while `open` sets `_stream`

    def open(self) -> float | None:
        """Open the stream. Unless it is live, also detect its format; returns its length in seconds if known."""
        stream = self._open_stream()
        with self._lock:
            self._stream = stream
            if self._is_interrupted:
                raise ReadInterruptedError
        if self._is_live:
            return None  # do not block on the first bytes of a live input
        self._reader = self._select_reader(stream)
        return self._reader.open()

    def read(self) -> Iterator[Samples]:
        """Yield the samples."""
        assert self._stream is not None, "open comes before read"
        if self._reader is None:
            self._reader = self._select_reader(self._stream)
            self._reader.open()
        yield from self._reader.read()

    def interrupt(self) -> None:
        """Make `open` and `read` raise `ReadInterruptedError`."""
        with self._lock:
            self._is_interrupted = True
            if self._stream is not None:
                self._stream.interrupt()

    def close(self) -> None:
        """Close the stream."""
        if isinstance(self._reader, MediaReader):
            self._reader.close()
        if self._stream is not None:
            self._stream.close()

    def _select_reader(self, stream: ByteStream) -> PcmReader | MediaReader:
        if self._pcm is not None:
            return PcmReader(self._name, stream, self._pcm)
        wav = plain_wav(stream.peek)
        if wav is not None:
            stream.skip(wav.offset_bytes)
            return PcmReader(self._name, stream, wav.pcm, num_bytes=wav.num_bytes)
        if self._fallback is not None and not is_container(stream.peek):
            return PcmReader(self._name, stream, self._fallback)
        return MediaReader(self._name, stream)
