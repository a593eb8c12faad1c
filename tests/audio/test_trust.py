"""Certificates are verified against existing authorities."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from voxtide.audio import trust


def test_the_configured_bundle_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert trust.tls_options() == {"tls_verify": "1", "ca_file": str(bundle)}


def test_mozillas_authorities_are_the_fallback_for_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    assert trust.tls_options() == {"tls_verify": "1", "ca_file": certifi.where()}
    assert Path(certifi.where()).is_file()


def test_mozillas_authorities_are_the_fallback_for_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    context = trust.tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) > 50
