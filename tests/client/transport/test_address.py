from __future__ import annotations

import pytest

from voxtide.client.transport.websocket import is_mistral_cloud, parse_address
from voxtide.errors import ConfigError

PATH = "/v1/audio/transcriptions/realtime"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("http://localhost:8000", f"ws://localhost:8000{PATH}?model=m"),
        ("https://api.mistral.ai", f"wss://api.mistral.ai{PATH}?model=m"),
        ("ws://h", f"ws://h{PATH}?model=m"),
        ("wss://h:1/", f"wss://h:1{PATH}?model=m"),
        ("http://h/stt", f"ws://h/stt{PATH}?model=m"),
        ("http://h/v1", f"ws://h{PATH}?model=m"),
        ("http://h/stt/v1/", f"ws://h/stt{PATH}?model=m"),
        (f"wss://h{PATH}", f"wss://h{PATH}?model=m"),
        ("http://h?tenant=a&empty=", f"ws://h{PATH}?tenant=a&empty=&model=m"),
        ("http://[::1]:8000", f"ws://[::1]:8000{PATH}?model=m"),
        (" http://h ", f"ws://h{PATH}?model=m"),
    ],
)
def test_the_endpoint_is_derived_from_the_address(server: str, url: str) -> None:
    assert parse_address(server, path=PATH, query={"model": "m"}).url == url


def test_the_query_is_quoted() -> None:
    assert parse_address("http://h", path=PATH, query={"model": "a/b c&d"}).url.endswith("?model=a%2Fb+c%26d")


@pytest.mark.parametrize(
    "server", ["", "localhost:8000", "ftp://h", "http://", "h", "http://h:port", "http://h/#a", "http://[::1"]
)
def test_an_invalid_address_is_refused(server: str) -> None:
    with pytest.raises(ConfigError, match="not a server address"):
        parse_address(server, path=PATH, query={})


def test_the_error_names_the_address_and_a_valid_example() -> None:
    with pytest.raises(ConfigError, match=r"^'notaurl' is not a server address: .* such as http://localhost:8000$"):
        parse_address("notaurl", path=PATH, query={})


@pytest.mark.parametrize(
    "server", ["anna:s3cret@h", "http://anna:s3cret/@h", "http://anna:s3cret#@h", "h?token=s3cret", "http://h/#s3cret"]
)
def test_the_error_hides_an_address_that_may_contain_a_secret(server: str) -> None:
    with pytest.raises(ConfigError, match=r"^the given address .* is not a server address") as refused:
        parse_address(server, path=PATH, query={})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("server", "is_cloud"),
    [
        ("https://api.mistral.ai", True),
        ("https://api.mistral.ai/v1/", True),
        ("http://api.mistral.ai", False),
        ("https://api.mistral.ai.example", False),
        ("https://api.mistral.ai@h", False),
    ],
)
def test_mistrals_own_service_is_recognised(server: str, is_cloud: bool) -> None:
    assert is_mistral_cloud(server) == is_cloud


def test_the_shown_address_contains_no_secret() -> None:
    address = parse_address("https://anna:s3cret@h:8443/stt?token=s3cret", path=PATH, query={"model": "m"})
    assert address.shown == "https://h:8443/stt"
    assert "s3cret" in address.url
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("a.localhost", True),
        ("10.0.0.1", False),
        ("h", False),
    ],
)
def test_local_hosts_use_no_proxy(host: str, is_local: bool) -> None:
    assert parse_address(f"http://{host}:1", path=PATH, query={}).is_local == is_local
