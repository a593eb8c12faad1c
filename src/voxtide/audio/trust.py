"""Whom to trust in TLS. In: nothing. Out: the system's certificate authorities, as options for FFmpeg."""

from __future__ import annotations

import ssl
from pathlib import Path

_KNOWN_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
"""Python's own builds look where their OpenSSL was built for, which on another distribution is nowhere."""


def tls_options() -> dict[str, str]:
    """FFmpeg's options for a verified connection; by itself FFmpeg accepts any certificate.

    Where no bundle is found (Windows), FFmpeg's TLS library looks into the system's own store. FFmpeg 8 does not hand
    these options on from an HLS playlist to its segments: those come encrypted, but from an unverified host.
    """
    candidates = (ssl.get_default_verify_paths().cafile, *_KNOWN_BUNDLES)
    bundle = next((path for path in candidates if path is not None and Path(path).is_file()), None)
    return {"tls_verify": "1"} if bundle is None else {"tls_verify": "1", "ca_file": bundle}
