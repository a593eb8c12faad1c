"""The audio room. In: a file, an address, a pipe, a microphone, bytes from a socket. Out: mono samples at 16 kHz.

    spec -> opening -> AudioSource: chunks of samples       (files, addresses, stdin, microphone)
    bytes -> pcm.PcmConverter -> samples                    (sockets)
    samples -> encodings.encode_pcm -> bytes                (clients)

It knows nothing of engines, words or wires. Every source is an `AudioSource` (source.py); what must block does so in a
thread of its own (threaded.py) behind a small bounded queue (handover.py).

    opening.py      open_source: what the user typed becomes a source
    source.py       AudioSource, the seam; the chunker
    addresses.py    which addresses may be opened, and what may be said of them
    inputs.py       files and pipes: their first bytes choose the reader
    media.py        containers, codecs and the network, through PyAV
    pcm.py          raw PCM and plain WAV
    encodings.py    PCM bytes <-> samples, G.711 included
    frames.py       decoded frames -> mono
    resample.py     any rate -> 16 kHz
    microphone.py   capture, device list
    threaded.py     a blocking reader as a source
    handover.py     from a thread to the event loop
    bytestream.py   bytes as they come, interruptible
    sniff.py        is it a file format?
    trust.py        certificate authorities for TLS
    pacing.py       recordings at the speed of life
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
