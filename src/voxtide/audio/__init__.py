"""Audio input. In: a file, an address, a pipe, a microphone, bytes from a socket. Out: mono samples at 16 kHz.

    spec -> opening -> AudioSource: chunks of samples       (files, addresses, stdin, microphone)
    bytes -> pcm.PcmConverter -> samples                    (sockets)
    samples -> encodings.encode_pcm -> bytes                (clients)

Knows no engines, text or protocols. Every source is an `AudioSource` (source.py). Blocking readers run in their own
thread (threaded.py) behind a small bounded queue (handover.py).

    opening.py      open_source: from the user's argument to a source
    source.py       AudioSource, the interface; chunks, and sleeps that end early
    addresses.py    allowed URLs, and their names without credentials
    media/          files, pipes and URLs through PyAV (FFmpeg)
    pcm.py          raw PCM and plain WAV
    encodings.py    PCM bytes <-> samples, including G.711
    downmix.py      many channels -> one
    resample.py     any rate -> 16 kHz
    microphone/     capture, device list
    threaded.py     a blocking reader as a source
    handover.py     queue from a thread to the event loop
    bytestream.py   interruptible byte reader
    trust.py        certificate authorities for TLS
    pacing.py       recordings in real time
    level.py        decibels
    vad.py          speech detection
"""

from voxtide.audio.encodings import Encoding, PcmDecoder, encode_pcm
from voxtide.audio.level import level_dbfs
from voxtide.audio.microphone import InputDevice, list_devices
from voxtide.audio.opening import open_source
from voxtide.audio.pacing import paced
from voxtide.audio.pcm import PcmConverter, PcmFormat
from voxtide.audio.resample import Resampler
from voxtide.audio.source import AudioSource

__all__ = [
    "AudioSource",
    "Encoding",
    "InputDevice",
    "PcmConverter",
    "PcmDecoder",
    "PcmFormat",
    "Resampler",
    "encode_pcm",
    "level_dbfs",
    "list_devices",
    "open_source",
    "paced",
]
