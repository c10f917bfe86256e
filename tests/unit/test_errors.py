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
    UnauthorizedError,
    clip,
)

# Dashboards and alarms are built on these strings: adding one is fine, changing one is not.
TOKEN_REASONS = (
    "token_missing",
    "authorization_ambiguous",
    "authorization_not_bearer",
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


def test_a_value_too_deep_to_show_is_named_instead() -> None:
    """Quoting never fails, however deep the value."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert clip(deep) == "a list nested too deeply to show"
