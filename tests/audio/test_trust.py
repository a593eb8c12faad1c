"""Certificates are verified, against authorities that exist."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from voxtide.audio import trust


def test_the_bundle_that_the_system_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert trust.tls_options() == {"tls_verify": "1", "ca_file": str(bundle)}


def test_where_the_system_names_none_mozillas_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    assert trust.tls_options() == {"tls_verify": "1", "ca_file": certifi.where()}
    assert Path(certifi.where()).is_file()


def test_a_connection_of_our_own_trusts_somebody_in_any_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    context = trust.tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) > 50
