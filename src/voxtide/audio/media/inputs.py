"""Reader selection. In: a byte stream or an address. Out: its samples, mono at 16 kHz. Knows no asyncio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from voxtide.audio.addresses import Address, Limits
from voxtide.audio.bytestream import ByteStream, ReadInterruptedError
from voxtide.audio.media.container import MediaReader
from voxtide.audio.media.http_file import RETRY_PAUSES_S, HttpFile, open_http_file
from voxtide.audio.media.sniff import is_container, other_kind
from voxtide.audio.media.tracks import AudioTrack, TrackChoice, chosen_tracks
from voxtide.audio.media.wav_rest import pipe_rest, wav_rest
from voxtide.audio.pcm import PcmFormat, PcmReader, PlainWav, plain_wav
from voxtide.errors import AudioError, NotAudioError
from voxtide.types import Notice, Samples


class BytesReader:
    """Opens a byte stream and reads it as raw PCM, plain WAV or through FFmpeg. A `SampleReader` (see threaded.py).

    With `pcm`, the bytes are raw PCM of that format. Without it, the first bytes decide. An input without a known
    signature is left to FFmpeg. If FFmpeg does not know it, or if it is a pipe, it is PCM in the `fallback` format, if
    there is one. `track` chooses one of several audio tracks (tracks.py); PCM has one.
    """

    def __init__(
        self,
        name: str,
        open_stream: Callable[[], ByteStream],
        *,
        pcm: PcmFormat | None = None,
        fallback: PcmFormat | None = None,
        is_live: bool = False,
        track: TrackChoice | None = None,
    ) -> None:
        self._name = name
        self._open_stream = open_stream
        self._pcm = pcm
        self._fallback = fallback
        self._is_live = is_live
        self._track = track
        self._notices: list[Notice] = []
        self._stream: ByteStream | None = None
        self._reader: PcmReader | MediaReader | None = None
        self._is_stated = False  # a WAV header states the number of samples
        self._is_interrupted = False
        self._lock = threading.Lock()  # `interrupt` may be called while `open` sets `_stream`

    @property
    def notices(self) -> Sequence[Notice]:
        """See `AudioSource.notices`."""
        return [*self._notices, *([] if self._reader is None else self._reader.notices)]

    def open(self) -> float | None:
        """Open the stream. Unless it is a live pipe, also detect its format; returns its length in seconds if known.

        Raises:
            NotAudioError: It is text, or another file without audio.
        """
        stream = self._open_stream()
        with self._lock:
            self._stream = stream
            if self._is_interrupted:
                raise ReadInterruptedError
        if self._is_live and not stream.seekable():
            return None  # do not block on the first bytes of a live input
        return self._open_reader(stream)

    def read(self) -> Iterator[Samples]:
        """Yield the samples."""
        assert self._stream is not None, "open comes before read"
        if self._reader is None:
            try:
                self._open_reader(self._stream)
            except AudioError:
                if self._stream.is_ended:  # before its format could be detected
                    return
                raise
        assert self._reader is not None, "opened above"
        yield from self._reader.read()
        if self._is_stated and not self._stream.seekable() and (notice := pipe_rest(self._name, self._stream)):
            self._notices.append(notice)

    def end(self) -> bool:
        """Let `read` yield what a pipe holds, then end."""
        with self._lock:
            return self._stream is not None and self._stream.end()

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

    def _open_reader(self, stream: ByteStream) -> float | None:
        self._reader = self._select_reader(stream)
        try:
            return self._reader.open()
        except NotAudioError:
            if self._fallback is None or not isinstance(self._reader, MediaReader) or self._reader.is_recognised:
                raise
            self._reader.close()
        stream.seek(0)
        self._reader = self._fallback_reader(stream, self._fallback)
        return self._reader.open()

    def _select_reader(self, stream: ByteStream) -> PcmReader | MediaReader:
        if self._pcm is not None:
            return self._pcm_reader(stream, self._pcm)
        wav = plain_wav(stream.peek)
        if wav is not None:
            num_bytes = self._num_wav_bytes(stream, wav)
            self._is_stated = num_bytes is not None
            stream.skip(wav.offset_bytes)
            return self._pcm_reader(stream, wav.pcm, num_bytes=num_bytes)
        if self._fallback is None or is_container(stream.peek):
            return MediaReader(self._name, stream, track=self._track)
        kind = other_kind(stream.peek)
        if kind is not None:
            raise NotAudioError(f"{self._name} is {kind}, not audio; give its encoding if it is raw audio")
        if stream.seekable():
            return MediaReader(self._name, stream, track=self._track)
        return self._fallback_reader(stream, self._fallback)

    def _num_wav_bytes(self, stream: ByteStream, wav: PlainWav) -> int | None:
        """The length of the samples, which may exceed the header's."""
        rest = wav_rest(self._name, stream)
        if rest is None or wav.num_bytes is None:
            return wav.num_bytes
        self._notices.append(rest.notice)
        return wav.num_bytes + rest.num_audio_bytes

    def _fallback_reader(self, stream: ByteStream, pcm: PcmFormat) -> PcmReader:
        if stream.peek(1):  # an empty input is no PCM either
            message = f"reading {self._name} as {pcm}; give its encoding, sample rate and channels if that is wrong"
            self._notices.append(Notice("raw_pcm", message))
        return self._pcm_reader(stream, pcm)

    def _pcm_reader(self, stream: ByteStream, pcm: PcmFormat, *, num_bytes: int | None = None) -> PcmReader:
        if self._track is not None:
            chosen_tracks(self._name, [AudioTrack(1)], self._track)
        return PcmReader(self._name, stream, pcm, num_bytes=num_bytes)


class AddressReader:
    """Opens a URL: a file on a server with range requests through `HttpFile`, which resumes; all others through FFmpeg.

    A `SampleReader` (see threaded.py). `track` chooses one of several audio tracks (tracks.py).
    """

    def __init__(
        self,
        name: str,
        address: Address,
        limits: Limits | None = None,
        *,
        pauses_s: tuple[float, ...] = RETRY_PAUSES_S,
        track: TrackChoice | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._limits = limits or Limits()
        self._pauses_s = pauses_s
        self._track = track
        self._file: HttpFile | None = None
        self._stream: ByteStream | None = None
        self._reader: MediaReader | None = None
        self._is_interrupted = False
        self._lock = threading.Lock()  # `interrupt` may be called while `open` sets the other attributes

    @property
    def notices(self) -> Sequence[Notice]:
        """See `AudioSource.notices`."""
        return [] if self._reader is None else self._reader.notices

    def open(self) -> float | None:
        """See `MediaReader.open`."""
        try:
            file = open_http_file(self._address, self._limits, pauses_s=self._pauses_s)
        except TimeoutError:
            raise AudioError(f"{self._name} did not respond within {self._limits.open_s:g} s") from None
        with self._lock:
            self._file = file
            self._stream = None if file is None else ByteStream(file, suffix=self._address.suffix, is_owner=True)
            if self._is_interrupted:
                raise ReadInterruptedError
        if self._stream is not None and other_kind(self._stream.peek) == "text":  # a playlist: FFmpeg reads its parts
            self._stream.close()
            self._stream = None
        reader = MediaReader(self._name, self._stream or self._address, self._limits, track=self._track)
        with self._lock:
            self._reader = reader
            if self._is_interrupted:
                raise ReadInterruptedError
        return reader.open()

    def read(self) -> Iterator[Samples]:
        """Yield the samples."""
        assert self._reader is not None, "open comes before read"
        yield from self._reader.read()

    def end(self) -> bool:
        """Not possible: a network read is not interrupted."""
        return False

    def interrupt(self) -> None:
        """Make `open` and `read` end soon. A network read is not interrupted; its timeout ends it."""
        with self._lock:
            self._is_interrupted = True
            if self._file is not None:
                self._file.interrupt()
            if self._reader is not None:
                self._reader.interrupt()

    def close(self) -> None:
        """Close the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._stream is not None:
            self._stream.close()
