"""Keys, tokens, origins and rates, without sockets."""

from __future__ import annotations

import pytest

from voxtide.errors import CapacityError, ConfigError
from voxtide.server.access import Access, bearer
from voxtide.server.rates import RateLimiter
from voxtide.server.tokens import MAX_ACCESS_TOKENS, TokenStore

ADDRESS = "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def access(*keys: str, tokens: TokenStore | None = None, origins: tuple[str, ...] = ()) -> Access:
    return Access(
        keys=keys,
        origins=origins,
        tokens=tokens or TokenStore(),
        request_rates=RateLimiter(None),
        session_rates=RateLimiter(None),
    )


@pytest.mark.parametrize(
    ("header", "secret"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None), ("", None)],
)
def test_a_bearer_header_is_read(header: str, secret: str | None) -> None:
    assert bearer({"authorization": header}) == secret


def test_without_keys_every_client_is_accepted() -> None:
    assert access().is_open
    assert access().check_request({}, ADDRESS) is None
    assert access().check_session({}, ADDRESS, subprotocols=("realtime", "rt_any"), model=None) is None


def test_a_refusal_shows_no_secret() -> None:
    refusal = access("right").check_request({"authorization": "Bearer wrong"}, ADDRESS)
    assert refusal is not None
    assert refusal.status == 401
    assert "wrong" not in refusal.message
    assert "right" not in refusal.message


def test_a_token_opens_sessions_only_until_it_expires() -> None:
    clock = Clock()
    tokens = TokenStore(clock=clock)
    guard = access("key", tokens=tokens)
    token = tokens.mint(prefix="ek_", ttl_s=60)
    headers = {"authorization": f"Bearer {token.value}"}
    assert guard.check_session(headers, ADDRESS, subprotocols=(), model="any") is None
    assert guard.check_request(headers, ADDRESS) is not None
    clock.now_s += 61
    assert guard.check_session(headers, ADDRESS, subprotocols=(), model="any") is not None


def test_the_store_does_not_hold_the_value_of_a_token() -> None:
    tokens = TokenStore()
    token = tokens.mint(prefix="rt_", ttl_s=60, model="m")
    found = tokens.find(token.value)
    assert found is not None
    assert (found.model, found.value) == ("m", "")
    assert token.value not in repr(token)
    assert tokens.find("rt_\udcff") is None


def test_lifetime_and_number_of_tokens_are_bounded() -> None:
    clock = Clock()
    tokens = TokenStore(clock=clock)
    for ttl_s in (9, 7201):
        with pytest.raises(ConfigError, match="10 to 7200"):
            tokens.mint(prefix="rt_", ttl_s=ttl_s)
    for _ in range(MAX_ACCESS_TOKENS):
        tokens.mint(prefix="rt_", ttl_s=10)
    with pytest.raises(CapacityError):
        tokens.mint(prefix="rt_", ttl_s=10)
    clock.now_s += 11
    tokens.mint(prefix="rt_", ttl_s=10)


@pytest.mark.parametrize(
    ("origin", "is_accepted"),
    [
        (None, True),
        ("http://here:8000", True),
        ("https://listed.example", True),
        ("https://listed.example.evil", False),
        ("null", False),
    ],
)
def test_pages_of_this_server_and_of_listed_sites_are_accepted(origin: str | None, is_accepted: bool) -> None:
    headers = {"host": "here:8000"} | ({} if origin is None else {"origin": origin})
    guard = access(origins=("https://listed.example",))
    assert (guard.check_session(headers, ADDRESS, subprotocols=(), model=None) is None) is is_accepted
    for_any = access(origins=("*",))
    assert for_any.check_session(headers, ADDRESS, subprotocols=(), model=None) is None


def test_a_rate_allows_a_burst_and_then_its_requests_per_minute() -> None:
    clock = Clock()
    rates = RateLimiter(60, clock=clock)
    assert [rates.wait_s(ADDRESS) for _ in range(10)] == [0.0] * 10
    assert rates.wait_s(ADDRESS) == pytest.approx(1.0)
    assert rates.wait_s("192.0.2.2") == 0.0
    clock.now_s += 1.0
    assert rates.wait_s(ADDRESS) == 0.0
    assert rates.wait_s(ADDRESS) == pytest.approx(1.0)


def test_a_rate_limiter_remembers_a_bounded_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.rates.MAX_ADDRESSES", 2)
    rates = RateLimiter(1, clock=Clock())
    assert [rates.wait_s(address) for address in "abc"] == [0.0] * 3
    assert rates.wait_s("a") == 0.0  # forgotten
    assert rates.wait_s("c") > 0.0
