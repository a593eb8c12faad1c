"""Whom to trust in TLS. In: nothing. Out: certificate authorities, for FFmpeg and for connections of our own."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi


def tls_options() -> dict[str, str]:
    """FFmpeg's options for a verified connection; by itself FFmpeg accepts any certificate.

    The authorities are those that Python trusts: SSL_CERT_FILE names them or the system. Python's own builds look where
    their OpenSSL was built for, which on another system is nowhere: then Mozilla's authorities count, from certifi.

    FFmpeg 8 does not hand these options on from an HLS playlist to its segments: those come encrypted, but from an
    unverified host.
    """
    trusted = ssl.get_default_verify_paths().cafile
    bundle = trusted if trusted is not None and Path(trusted).is_file() else certifi.where()
    return {"tls_verify": "1", "ca_file": bundle}


def tls_context() -> ssl.SSLContext:
    """Whom a verified connection of our own trusts: those that Python trusts, or where there are none, Mozilla's."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        context.load_verify_locations(certifi.where())
    return context
