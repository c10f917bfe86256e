"""Every small API: all that can be granted on up to four routes of up to three segments.

Each of SMALL_APIS (all of them with 1) has its documents for every caller who is granted all of a
route, their own paths of it, or nothing; each is compared with that on every short path. What is
expected is computed from the choice itself: no policy and no table is asked.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from naive_gateway import candidates, iam_allows
from naive_policy import Body, NaivePolicy

from authorizer.gateway.iam import caller_document
from authorizer.policy.caller_document import CallerDocuments, Grants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Of so many APIs, one is tried.
EVERY = int(os.environ.get("SMALL_APIS", "150"))
OWN = "me"
NOTHING, OWN_PATHS, ALL = range(3)
TEMPLATES = ["/"] + [
    "/" + "/".join(f"{{p{at}}}" if one == "{}" else one for at, one in enumerate(path))
    for length in range(1, 4)
    for path in itertools.product(("a", "{}"), repeat=length)
]
PATHS = ["/"] + [
    "/" + "/".join(path)
    for length in range(1, 5)
    for path in itertools.product(("a", "c", OWN), repeat=length)
]
SLASHES = ["//", "/a/", "/c/", "//a", "/a//", "/a/c/", "//a/a", "/a//a", "/c/a/", "/a/a/", "/c//a"]
CLAIMS = {"sub": OWN, "username": "someone"}


def apis(
    most: int, methods: Sequence[str], others: Sequence[str] = ()
) -> Iterator[tuple[str, ...]]:
    """All sets of so many routes; those of them that are tried."""
    keys = [*(f"{method} {template}" for template in TEMPLATES for method in methods), *others]
    every = itertools.chain.from_iterable(
        itertools.combinations(keys, length) for length in range(1, most + 1)
    )
    return itertools.islice(every, 0, None, EVERY)


def is_nameable(key: str) -> bool:
    """Whether there is a rule for a route, and nothing else."""
    return key.endswith(" /") or not (key == "$default" or key.endswith(("+}", "/")))


def policy_for(keys: Sequence[str]) -> NaivePolicy:
    """For each route a group that may do all of it, and one that may do what is its own."""
    groups = {}
    for at, key in enumerate(keys):
        if not is_nameable(key):
            continue
        groups[f"{at} {ALL}"] = Body(allow=(key,))
        first = key.partition("{")[2].partition("}")[0]
        if first:
            own = key.replace(f"{{{first}}}", f"{{{first}=sub}}", 1)
            groups[f"{at} {OWN_PATHS}"] = Body(allow=(own,))
    return NaivePolicy(groups=groups, routes=tuple(keys))


def is_granted(key: str, path: str, choice: Mapping[str, int]) -> bool:
    """Whether a request on a route is granted by what was chosen: a rule for ANY covers GET."""
    template = key.partition(" ")[2]
    chosen = {choice[one] for one in (key, f"ANY {template}") if one in choice}
    if ALL in chosen or OWN_PATHS not in chosen:
        return ALL in chosen
    at = next(at for at, one in enumerate(template.split("/")) if one.startswith("{"))
    return path.split("/")[at] == OWN


def counter_examples(keys: tuple[str, ...], methods: Sequence[str]) -> Iterator[str]:
    policy = policy_for(keys)
    documents = CallerDocuments(policy.compiled())
    routed = {
        (method, path): candidates(keys, method, path)
        for method in methods
        for path in (*PATHS, *SLASHES)
    }
    choices = [
        [chosen for chosen in range(3) if chosen == NOTHING or f"{at} {chosen}" in policy.groups]
        for at, key in enumerate(keys)
    ]
    for chosen in itertools.product(*choices):
        groups = [f"{at} {one}" for at, one in enumerate(chosen) if one != NOTHING]
        choice = dict(zip(keys, chosen, strict=True))
        found = documents.of(groups, (), CLAIMS)
        while isinstance(found, Grants):
            for (method, path), routes in routed.items():
                allowed = found.allows(f"{method}{path}")
                # A REST API may take such a path for the one without the slash: nobody may.
                is_wrong = allowed and path in SLASHES
                if is_wrong or any(is_granted(key, path, choice) != allowed for key in routes):
                    yield f"{keys} {chosen} {method}{path} {allowed}: {found}"
            if found.smaller is None:
                break
            found = found.smaller


@pytest.mark.parametrize(
    ("most", "methods", "others"),
    [
        pytest.param(4, ["GET"], [], id="one method"),
        pytest.param(3, ["GET", "ANY"], [], id="one method and all"),
        pytest.param(2, ["GET", "ANY", "PUT"], ["$default"], id="beside $default"),
        pytest.param(3, ["GET"], ["GET /{p+}", "ANY /a/{p+}", "GET /{q}/{p+}"], id="greedy"),
        pytest.param(3, ["GET"], ["GET /a/", "GET /{p}/"], id="slash at the end"),
    ],
)
def test_every_small_api(most: int, methods: list[str], others: list[str]) -> None:
    """No document of any caller says anything else of any path than what was granted."""
    requested = ["GET", "PUT"] if len(methods) > 1 else ["GET"]
    wrong = [
        one for keys in apis(most, methods, others) for one in counter_examples(keys, requested)
    ]
    assert wrong == []


def test_iam_reads_a_document_in_the_same_way() -> None:
    """What is compared above is what IAM makes of it."""
    documents = CallerDocuments(policy_for(["GET /a/{p}", "GET /{p}", "GET /a/a"]).compiled())
    found = documents.of(["0 2", "1 1"], (), CLAIMS)
    assert isinstance(found, Grants)
    document = caller_document("arn:x/", found.allow, found.deny)
    for path in (*PATHS, *SLASHES):
        assert iam_allows(document, f"arn:x/GET{path}") is found.allows(f"GET{path}")
