"""TLS trust. In: nothing. Out: certificate authorities for FFmpeg and for Python's connections."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi


def tls_options() -> dict[str, str]:
    """FFmpeg's options for verified TLS; by default FFmpeg accepts any certificate.

    Uses the authorities that Python trusts (SSL_CERT_FILE or the system's). If that file does not exist, because
    Python's OpenSSL was built for another system, uses Mozilla's from certifi.

    FFmpeg 8 does not pass these options from an HLS playlist to its segments: those are encrypted, but their host is
    not verified.
    """
    trusted = ssl.get_default_verify_paths().cafile
    bundle = trusted if trusted is not None and Path(trusted).is_file() else certifi.where()
    return {"tls_verify": "1", "ca_file": bundle}


def tls_context() -> ssl.SSLContext:
    """A context for verified TLS with the authorities that Python trusts, or Mozilla's if it finds none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        context.load_verify_locations(certifi.where())
    return context
