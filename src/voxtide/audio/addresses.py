"""Allowed addresses. In: the user's argument. Out: a path or a checked address. Opens nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from voxtide.errors import ConfigError

SCHEMES = ("http", "https", "hls", "rtsp", "rtsps", "rtmp", "srt", "udp", "rtp", "file")
"""Allowed URL schemes. FFmpeg has more, some of which read or concatenate local files."""

FFMPEG_PROTOCOLS = "http,https,httpproxy,tls,tcp,udp,rtp,srtp,rtsp,rtsps,rtmp,srt,crypto,data"
"""Protocols FFmpeg may use for an address and for the playlists it serves: none that reads local files."""

# At least two letters: a single letter and a colon is a Windows drive.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A network address. `url` may contain credentials and goes to FFmpeg only; `name` is for messages."""

    url: str
    name: str

    @property
    def suffix(self) -> str:
        """The suffix of the path, such as `.mp3`; "" if there is none."""
        return PurePosixPath(urlsplit(self.url).path).suffix


@dataclass(frozen=True, slots=True)
class Limits:
    """Network timeouts.

    Attributes:
        open_s: For connecting and reading the header, and again for probing the streams: HLS needs a few requests.
        read_s: For the next packet. A live HLS playlist is updated once per target duration: 6 s as Apple recommends,
            10 s on older servers. Three times that is an outage.
    """

    open_s: float = 15.0
    read_s: float = 30.0


def parse(spec: str) -> Path | Address:
    """Parse `spec` as a local path or a network address.

    Raises:
        ConfigError: The scheme is not one of `SCHEMES`, or the address is malformed.
    """
    match = _SCHEME.match(spec)
    if match is None:
        return Path(spec)
    scheme = match[1].lower()
    if scheme not in SCHEMES:
        raise ConfigError(
            f"cannot open addresses that begin with {scheme}: (supported: {', '.join(SCHEMES)}); "
            f"for a file of that name, put ./ before it"
        )
    try:
        return _file_path(spec) if scheme == "file" else _address(spec, scheme)
    except ConfigError:
        raise
    except ValueError:  # not chained: the cause may quote the credentials
        raise ConfigError(f"the {scheme} address is malformed; write it as {scheme}://host/path") from None


def shown_name(spec: str) -> str:
    """A source or a server for messages and files: without the parts of a URL that may be secret.

    These are the user name, the password, the query and the fragment; all but the scheme if the address is malformed,
    as with a slash in a password. The address is not checked otherwise.
    """
    scheme, separator, rest = spec.partition("://")
    if not separator:
        return spec
    try:
        _ = urlsplit(spec).port
    except ValueError:
        return f"{scheme}://..."
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = re.split(r"[?#]", rest[len(authority) :], maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


def _file_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ConfigError(f"file addresses name local files only: use file:///path, not a file on {parts.hostname}")
    return Path(url2pathname(parts.path))


def _address(url: str, scheme: str) -> Address:
    parts = urlsplit(url)
    if not parts.netloc or any(character <= " " for character in url):  # a line break would end an HTTP header
        raise ValueError
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    port = f":{parts.port}" if parts.port is not None else ""
    # The query is left out too: signed URLs contain their secret there.
    name = f"{scheme}://{host}{port}{parts.path}"
    # FFmpeg detects by itself that an HTTP response is a playlist.
    return Address(("http" if scheme == "hls" else scheme) + url[len(scheme) :], name)
