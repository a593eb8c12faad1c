"""Containers and codecs. In: bytes, addresses. Out: mono samples at 16 kHz. The only package that knows FFmpeg.

inputs.py         choose the reader for a file, a pipe or an address
sniff.py          container, another file or raw PCM?
http_file.py      a file on a server, resumed after a lost connection
http_request.py   one request over HTTP, with its timeouts
container.py      read the tracks of a container, and check that they are whole
track_decoder.py  decode the packets of one track
demuxer.py        open a container; its tracks and their packets
tracks.py         which of several audio tracks
track_samples.py  frames -> mono at 16 kHz; the mix of several tracks
clock.py          silence for a late start and for gaps
damage.py         undecodable packets and missing audio: lost or not?
wav_rest.py       what follows the samples of a WAV file
ogg.py            truncation check that FFmpeg lacks
matroska.py       the same for Matroska and WebM
"""
