"""Local servers for the network tests: HTTP with faults, and minimal RTSP."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.types import Samples

CREDENTIALS = "anna:s3cret"

POLL_S = 0.01
"""Poll interval for the shutdown of a server."""


@dataclass
class Site:
    """Content and faults of an HTTP server, by path.

    `short` paths state twice their length and then close; `silent` paths do the same but stay open without data until
    `release`; `unsized` paths state no length; `moved` paths redirect; `private` paths require `CREDENTIALS`.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    unsized: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    root: str = ""


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            site.requests.append(path)
            expected = f"Basic {base64.b64encode(CREDENTIALS.encode()).decode()}"
            if path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[path])
                self.end_headers()
            elif path in site.private and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.end_headers()
            elif path in site.files:
                self._send(path, site.files[path])
            else:
                self.send_error(404)

        def _send(self, path: str, content: bytes) -> None:
            is_broken = path in site.short | site.silent
            self.send_response(200)
            if path not in site.unsized:
                self.send_header("Content-Length", str(len(content) * (2 if is_broken else 1)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client disconnected
                self.wfile.write(content)
            if path in site.silent:
                site.release.wait()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.root = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
    thread.start()
    try:
        yield site
    finally:
        site.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


RTP_PACKET_SAMPLES = 160
"""20 ms at 8 kHz, as sent by telephones."""


@contextlib.contextmanager
def rtsp_camera(samples: Samples) -> Iterator[str]:
    """Serve `samples`, taken at 8 kHz, to one client: RTSP with interleaved mu-law RTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_rtsp, args=(listener, encode_pcm(samples, Encoding.PCM_MULAW)))
        thread.start()
        yield f"rtsp://127.0.0.1:{listener.getsockname()[1]}/camera"
        thread.join()


def _serve_rtsp(listener: socket.socket, audio: bytes) -> None:
    description = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:audio\r\n"
    answers = {
        "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(description)}\r\n\r\n{description}",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
    }
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        for request in _rtsp_requests(stream):
            method = request[0].split()[0]
            number = next(line for line in request if line.lower().startswith("cseq:"))
            answer = answers.get(method, "Session: 1\r\n\r\n")
            stream.write(f"RTSP/1.0 200 OK\r\n{number}\r\n{answer}".encode())
            stream.flush()
            if method == "PLAY":
                for packet in _rtp_packets(audio):
                    stream.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                stream.write(b"$\1" + struct.pack(">HBBHI", 8, 0x81, 203, 1, 7))  # RTCP BYE
                stream.flush()
                return


def _rtsp_requests(stream: object) -> Iterator[list[str]]:
    lines: list[str] = []
    for line in stream:  # type: ignore[attr-defined]  # a socket's file
        text = line.decode().strip()
        if text:
            lines.append(text)
        elif lines:
            yield lines
            lines = []


def _rtp_packets(audio: bytes) -> Iterator[bytes]:
    for number, start in enumerate(range(0, len(audio), RTP_PACKET_SAMPLES)):
        header = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, start, 7)
        yield header + audio[start : start + RTP_PACKET_SAMPLES]
