"""FFmpeg is told to verify certificates, against the system's own authorities."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxtide.audio import trust


def test_the_bundle_that_the_system_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert trust.tls_options() == {"tls_verify": "1", "ca_file": str(bundle)}


def test_without_any_bundle_certificates_are_still_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    monkeypatch.setattr(trust, "_KNOWN_BUNDLES", (str(tmp_path / "nothing either.pem"),))
    assert trust.tls_options() == {"tls_verify": "1"}


def test_a_bundle_in_one_of_the_known_places_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "second.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    monkeypatch.setattr(trust, "_KNOWN_BUNDLES", (str(tmp_path / "first.pem"), str(tmp_path / "second.pem")))
    assert trust.tls_options()["ca_file"] == str(tmp_path / "second.pem")
