"""IAM policy documents that grant no more than ``decide`` did.

``request`` mode: the document names exactly the one request that was decided. A client chooses
method and path, and ``*`` and ``?`` are wildcards in an ARN, ``$`` begins a variable: a request
that contains one, or whose path is not a plain one, is never allowed by a document. It is denied
by an escaped name that matches nothing, which leaves it without an Allow. So is one whose ARN is
longer than a document may name.

``caller`` mode: the document names all that the caller may do, which
``authorizer.policy.caller_document`` finds out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import inf
from typing import Any

from authorizer.errors import Reason

# Method and path without wildcards, empty or dot segments, backslashes and control characters.
# Percent encodings stand for themselves, and so does a blank, which HTTP APIs decode.
_CHARACTER = r"[^/*?$\\\x00-\x1f\x7f-\xa0\u2028\u2029]"
_PLAIN = re.compile(rf"{_CHARACTER}*(?:/(?!\.{{1,2}}(?:/|\Z)){_CHARACTER}+)*+/?")
_ESCAPES = {ord("*"): "%2A", ord("?"): "%3F", ord("$"): "%24"}
_ANY_CHARACTER = dict.fromkeys(_ESCAPES, "?")
# What API Gateway takes from an authorizer of a WebSocket API. For the other kinds it documents no
# limit, and this one is kept.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MOST_ANSWER_BYTES = 8192
# What a Resource may have; what a longer one does is not documented.
MOST_RESOURCE_CHARACTERS = 512

# An IAM policy document as API Gateway reads it: ``Version``, and each ``Statement``.
PolicyDocument = dict[str, Any]


def why_unnamed(prefix: str, client_part: str) -> Reason | None:
    """Why no document can allow a request and no other one; nothing where one can."""
    if not _PLAIN.fullmatch(client_part):
        return Reason.PATH_UNSAFE
    is_long = len(prefix) + len(client_part) > MOST_RESOURCE_CHARACTERS
    return Reason.RESOURCE_TOO_LONG if is_long else None


def denying_glob(prefix: str, client_part: str) -> str:
    """What denies a request, and of the caller's others as few as can be: those spelt alike.

    IAM has no certain way to name a wildcard literally, and no ARN beyond its longest.
    """
    glob = client_part.translate(_ANY_CHARACTER)
    most = MOST_RESOURCE_CHARACTERS - len(prefix)
    return glob if len(glob) <= most else f"{glob[: most - 1]}*"


def request_document(prefix: str, client_part: str, *, allowed: bool) -> PolicyDocument:
    """The document for exactly one request.

    Args:
        prefix: the part of its ARN that API Gateway chose.
        client_part: the rest, which the client chose.
        allowed: what was decided. An ARN that cannot be named is denied all the same.
    """
    is_named = why_unnamed(prefix, client_part) is None
    resource = prefix + (client_part if is_named else client_part.translate(_ESCAPES))
    if len(resource) > MOST_RESOURCE_CHARACTERS:
        resource = resource[: MOST_RESOURCE_CHARACTERS - 1] + "%"  # no path ends so
    return _document({"Allow" if allowed and is_named else "Deny": resource})


def caller_document(prefix: str, allow: Iterable[str], deny: Iterable[str]) -> PolicyDocument:
    """The document for all requests of a caller.

    Args:
        prefix: the part of the ARN that API Gateway chose: up to the stage.
        allow: the rest of what is allowed, with ``*`` as IAM understands it.
        deny: what is taken away from it; everything where nothing is allowed.
    """
    allowed, denied = ([prefix + glob for glob in globs] for globs in (allow, deny))
    return _document({"Allow": allowed, "Deny": denied} if allowed else {"Deny": [f"{prefix}*"]})


# For as many callers as differ in what they may do.
@lru_cache(maxsize=512)
def remembered_document(prefix: str, grants: Any) -> tuple[PolicyDocument, float]:  # noqa: ANN401
    """A caller's document, made once, and its bytes as JSON.

    They are infinitely many if an ARN in it is too long.

    Args:
        prefix: as above.
        grants: what has ``allow`` and ``deny`` as above, and is the same object each time.
    """
    most = MOST_RESOURCE_CHARACTERS - len(prefix)
    fits = all(len(glob) <= most for glob in (*grants.allow, *grants.deny))
    document = caller_document(prefix, grants.allow, grants.deny)
    return document, len(json.dumps(document)) if fits else inf


def copy_of(document: PolicyDocument) -> PolicyDocument:
    """A document for an answer, of one that is remembered: whoever gets it may change it."""
    return _document({one["Effect"]: [*one["Resource"]] for one in document["Statement"]})


def _document(resources: Mapping[str, str | list[str]]) -> PolicyDocument:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
            for effect, resource in resources.items()
            if resource
        ],
    }
