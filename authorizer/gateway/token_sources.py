"""Where a request may have its token, if not in the Authorization header alone.

A browser cannot set a header on a WebSocket, and many sites keep a token in a cookie. Sources are
written ``header:<name>``, ``cookie:<name>``, ``query:<name>`` and ``subprotocol``. A request has
one token, in one of them: which of two would be meant, another program might decide otherwise.

A browser sends a cookie along with whatever another site's page asks for. So a token from a cookie
counts only with an ``Origin`` of the allow-list, or for a method that changes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from authorizer.errors import ConfigurationError, InvalidTokenError, Reason, clip
from authorizer.gateway.events import (
    OBJECT,
    Flavour,
    Request,
    bearer_token_of,
    header_values,
    require,
)

AUTHORIZATION = "header:authorization"
# Names are RFC 9110's tokens, but for a parameter of the query.
# A cookie among the headers would be one that no origin is asked of.
_SOURCE = re.compile(
    r"(?:(header:(?!(?:cookie|origin)\Z)|cookie:)[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    r"|query:[^\s&=#]+|subprotocol)"
)
# RFC 6454: a scheme, a host and a port. Pages without an origin, such as files, say "null".
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?")


class TokenSources:
    """The sources of one authorizer.

    Attributes:
        sources: such as ``cookie:session``, names of headers in lower case.
        cookie_origins: whose pages may send the token in a cookie.
    """

    def __init__(
        self, sources: Sequence[str] = (AUTHORIZATION,), cookie_origins: Sequence[str] = ()
    ) -> None:
        """Take what is written in ``AUTHORIZER_TOKEN_SOURCES`` and ``AUTHORIZER_COOKIE_ORIGINS``.

        Raises:
            ConfigurationError: with all that cannot be right.
        """
        self.sources = tuple(
            source.lower() if source.startswith("header:") else source for source in sources
        )
        self.cookie_origins = frozenset(cookie_origins)
        problems = [
            *(
                "expected header:<name>, cookie:<name>, query:<name> or subprotocol, found "
                f"{clip(source)}"
                for source in self.sources
                if not _SOURCE.fullmatch(source)
            ),
            *(
                f"expected an origin such as 'https://www.example.com', found {clip(origin)}"
                for origin in cookie_origins
                if not _ORIGIN.fullmatch(origin)
            ),
            *(
                ["expected one source of tokens or more, each once"]
                if len({*self.sources}) < max(1, len(self.sources))
                else []
            ),
            *(
                [
                    (
                        "expected AUTHORIZER_COOKIE_ORIGINS with a cookie among the sources, and "
                        "not without one: a browser sends a cookie along from any site's page"
                    )
                ]
                if any(one.startswith("cookie:") for one in self.sources) != bool(cookie_origins)
                else []
            ),
        ]
        if problems:
            raise ConfigurationError(problems)

    def token_of(self, request: Request, event: Any) -> str:  # noqa: ANN401 - JSON
        """The one token of a request, unverified, by the event that it was read from.

        Raises:
            InvalidTokenError: ``token_missing``, ``authorization_ambiguous``,
                ``authorization_not_bearer``, ``origin_not_allowed``.
            MalformedRequestError: the event is not one of API Gateway's.
        """
        found = [
            (source, value)
            for source in self.sources
            for value in _values(request, event, source, self.sources)
        ]
        if not found:
            raise InvalidTokenError(
                Reason.TOKEN_MISSING, f"expected a token in one of {', '.join(self.sources)}"
            )
        if len(found) > 1:
            raise InvalidTokenError(
                Reason.AUTHORIZATION_AMBIGUOUS, f"expected one token, found {len(found)}"
            )
        [(source, value)] = found
        if source.startswith("cookie:"):
            origins = header_values(event, "origin")
            is_own = len(origins) == 1 and origins[0] in self.cookie_origins
            # A browser names no origin when it only reads from a page's own site.
            if not is_own and (origins or request.method not in ("GET", "HEAD")):
                raise InvalidTokenError(
                    Reason.ORIGIN_NOT_ALLOWED,
                    "expected a page of an allowed origin to send the cookie",
                    *origins[:1],
                )
        return bearer_token_of(value) if source == AUTHORIZATION else value


def _values(
    request: Request, event: Mapping[str, Any], source: str, sources: Sequence[str]
) -> Sequence[str]:
    """What the client sent there; an empty value is a token that was put away."""
    kind, _, name = source.partition(":")
    if request.flavour is Flavour.REST_TOKEN:
        # API Gateway gives the value alone, of the header that the authorizer names.
        first = next((one for one in sources if one.startswith("header:")), None)
        return request.authorizations if source == first else ()
    if kind == "header":
        return [value for value in header_values(event, name) if value]
    if kind == "query":
        return [value for value in _query_values(event, name) if value]
    if kind == "cookie":
        # Payload 2.0 has a list of them in place of the header.
        listed = require(event.get("cookies") or [], list, "cookies")
        sent = [require(text, str, "cookies") for text in listed or header_values(event, "cookie")]
        pairs = (pair.strip().partition("=") for pair in ";".join(sent).split(";"))
        return [value for own, _, value in pairs if own == name and value]
    # new WebSocket(url, ["bearer", token]) sends both in one header, in this order.
    offered = ",".join(header_values(event, "sec-websocket-protocol"))
    return re.findall(r"(?:\A|,)[ \t]*bearer[ \t]*,[ \t]*([^, \t]+)", offered)


def _query_values(event: Mapping[str, Any], name: str) -> Sequence[str]:
    # Payload 2.0 joins repeated ones by commas, which no token contains.
    multiple = event.get("multiValueQueryStringParameters")
    what = "multiValueQueryStringParameters" if multiple else "queryStringParameters"
    found = require(multiple or event.get(what) or {}, OBJECT, what).get(name)
    values = require(found or [], list, what) if multiple else [found or ""]
    return [require(value, str, what) for value in values]
