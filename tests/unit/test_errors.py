"""The error tree, the closed list of reasons, and how foreign text is quoted."""

from __future__ import annotations

import pytest

from authorizer.errors import (
    AuthorizerError,
    ConfigurationError,
    InvalidTokenError,
    KeysUnavailableError,
    MalformedRequestError,
    Reason,
    RevocationsUnavailableError,
    UnauthorizedError,
    clip,
)

# Dashboards and alarms are built on these strings: adding one is fine, changing one is not.
TOKEN_REASONS = (
    "token_missing",
    "authorization_ambiguous",
    "authorization_not_bearer",
    "origin_not_allowed",
    "token_too_long",
    "token_not_compact",
    "token_not_base64url",
    "header_not_json",
    "algorithm_not_allowed",
    "critical_header",
    "key_id_invalid",
    "claims_not_json",
    "issuer_unknown",
    "key_unknown",
    "signature_invalid",
    "expiry_invalid",
    "expired",
    "not_before_invalid",
    "not_yet_valid",
    "issued_at_invalid",
    "issued_in_the_future",
    "token_use_wrong",
    "client_unknown",
    "subject_invalid",
    "username_invalid",
    "token_id_invalid",
    "groups_invalid",
    "scope_invalid",
    "audience_wrong",
    "revoked",
)


def test_token_reasons_are_stable() -> None:
    """The reasons of credentials and of the five steps keep their strings and their order."""
    assert tuple(Reason)[: len(TOKEN_REASONS)] == TOKEN_REASONS


def test_reasons_are_unique_and_named_alike() -> None:
    """No two reasons share a string, and each string is its name in small letters."""
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)
    assert all(reason.value == name.lower() for name, reason in Reason.__members__.items())


@pytest.mark.parametrize(
    "error",
    [
        InvalidTokenError(Reason.EXPIRED, "expired 1 s ago"),
        KeysUnavailableError("no keys"),
        RevocationsUnavailableError("no list"),
        MalformedRequestError("no request context"),
        UnauthorizedError(),
        ConfigurationError(["no pool"]),
    ],
)
def test_one_root(error: AuthorizerError) -> None:
    """All that the package raises can be caught by its root, and by no error of Python's."""
    assert isinstance(error, AuthorizerError)
    assert AuthorizerError.__bases__ == (Exception,)
    assert type(error).__bases__ == (AuthorizerError,)


def test_disproof_and_breakage_are_strangers() -> None:
    """Whoever catches refused tokens does not catch unavailable keys by accident."""
    assert not issubclass(KeysUnavailableError, InvalidTokenError)
    assert not issubclass(InvalidTokenError, KeysUnavailableError)


def test_invalid_token_carries_its_reason() -> None:
    """The reason is a value to count by, and leads the message."""
    error = InvalidTokenError(Reason.EXPIRED, "expired 5 s ago")
    assert error.reason is Reason.EXPIRED
    assert str(error) == "expired: expired 5 s ago"


def test_unauthorized_says_exactly_that() -> None:
    """API Gateway compares the message with this one word."""
    assert str(UnauthorizedError()) == "Unauthorized"


def test_configuration_error_lists_all_problems() -> None:
    """Problems keep their order, one line each, whatever iterable they came in."""
    error = ConfigurationError(line for line in ("first", "second"))
    assert error.problems == ("first", "second")
    assert str(error) == "first\nsecond"


def test_clip_boundary() -> None:
    """What fits is shown whole, quotes included; one character more is cut to the limit."""
    assert clip("a" * 57) == repr("a" * 57)
    assert clip("a" * 58) == repr("a" * 58)
    assert len(clip("a" * 58)) == 60
    assert clip("a" * 59) == "'" + "a" * 58 + "…"
    assert len(clip("a" * 59)) == 60


@pytest.mark.parametrize(
    "foreign",
    ["x" * 10_000, "\n" * 10_000, "é\ud800" * 900, b"\x00" * 10_000, ["x" * 99], {"x": [1] * 99}],
    ids=["text", "line breaks", "surrogates", "bytes", "list", "object"],
)
@pytest.mark.parametrize("limit", [1, 2, 60, 400])
def test_clip_is_bounded_and_on_one_line(foreign: object, limit: int) -> None:
    """No foreign value makes a message long, breaks its line, or cannot be written to a log."""
    shown = clip(foreign, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode()


def test_clip_escapes_what_forges_log_lines() -> None:
    """Line breaks, terminal escapes and separators of any script come out escaped."""
    assert clip("a\r\n\x1b[2J\u2028\u202e") == r"'a\r\n\x1b[2J\u2028\u202e'"


class Raising:
    """Its repr breaks."""

    def __repr__(self) -> str:
        raise RuntimeError


class Forging:
    """Its repr has lines of its own, and no end."""

    def __repr__(self) -> str:
        return "\n" * 10_000


class RaisingText(str):
    """Text that cannot even be cut."""

    __slots__ = ()

    def __getitem__(self, _: object) -> str:
        raise RuntimeError


def nested(levels: int) -> object:
    deep: list[object] = []
    for _ in range(levels):
        deep = [deep]
    return deep


UNSHOWN = {
    "list": nested(100_000),
    "int": 10**4_300,
    "list ": [1, {"a": [-(10**9_999)]}],
    "Raising": Raising(),
    "dict": {"a": Raising()},
    "RaisingText": RaisingText("a"),
}


@pytest.mark.parametrize("kind", UNSHOWN)
def test_a_value_that_cannot_be_shown_is_named_instead(kind: str) -> None:
    """Quoting never fails: not for depth, not for digits, not for an object's own repr."""
    shown = clip(UNSHOWN[kind], 100)
    assert shown == f"a value of type {kind.strip()} that cannot be shown"


@pytest.mark.parametrize(
    "foreign",
    [*UNSHOWN.values(), Forging(), [Forging()], type("x\n" * 99, (Raising,), {})()],
    ids=[*UNSHOWN, "forging", "forging in a list", "forging type"],
)
@pytest.mark.parametrize("limit", [1, 20, 60])
def test_what_cannot_be_shown_is_bounded_all_the_same(foreign: object, limit: int) -> None:
    """Also the name of a class, and what its repr returns, stay short and on one line."""
    shown = clip(foreign, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_the_longest_number_that_is_shown() -> None:
    """As many digits as Python writes in linear time are shown, clipped."""
    assert clip(10**4_299) == "1" + "0" * 58 + "…"
