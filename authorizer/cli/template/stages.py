"""What the stages of REST APIs remember of a backend's answers, and whether callers share them.

The authorizer is asked first: whoever may call a route is then given what an earlier caller was
answered, unless the token is in the key. By default stages remember answers to GET alone.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-caching.html
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from authorizer.cli.template.authorizers import identity_sources
from authorizer.cli.template.model import Api, ApiKind, Route, Unknown
from authorizer.cli.template.nodes import (
    Absent,
    Listing,
    Mapping,
    Node,
    Reference,
    Unresolvable,
    child,
)
from authorizer.policy.paths import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.template.reading import Reading

_OF_CALLER = ("method.request.header.", "method.request.querystring.")
_GET, _EVERY_METHOD, _EVERY_PATH = "GET", "*", "/*"
_DEFAULT_SECONDS = 300


def cache_keys(reading: Reading, integration: Node) -> frozenset[str]:
    """What an integration's answers are remembered under, written as identity sources are."""
    names = ("CacheKeyParameters", "cacheKeyParameters")
    found = [reading.texts(child(integration, name)) for name in names]
    return _sources(text for texts in found if not isinstance(texts, Unknown) for text in texts)


def event_cache_keys(reading: Reading, properties: Node) -> frozenset[str]:
    """The same of a SAM event, whose ``RequestParameters`` say what is in the key."""
    written = reading.get(properties, "RequestParameters")
    items = written.items if isinstance(written, Listing) else ()
    return _sources(
        name
        for parameter in map(reading.resolve, items)
        for name, _, node in (parameter if isinstance(parameter, Mapping) else ())
        if reading.flag(child(node, "Caching"), default=False) is True
    )


def _sources(parameters: Iterable[str]) -> frozenset[str]:
    found = identity_sources([one for one in parameters if one.startswith(_OF_CALLER)])
    return frozenset() if isinstance(found, Unknown) else frozenset(found)


def read_stages(reading: Reading) -> None:
    """Say of each route whether a stage of its API remembers its answers."""
    for draft in reading.drafts.values():
        if draft.kind is ApiKind.REST:
            settings: dict[tuple[str, str], Location | None] = {}
            for stage in _stages(reading, draft):
                for key, location in _settings(reading, stage):
                    settings.setdefault(key, location)
            draft.routes = tuple(
                replace(route, shared_answers=_location(settings, route)) for route in draft.routes
            )


def _stages(reading: Reading, draft: Api) -> Iterator[Node]:
    own = reading.resources.get(draft.id)
    yield (
        own.properties
        if own
        else reading.common.get("AWS::Serverless::Api", Absent(draft.location))
    )
    for resource in reading.of_type("AWS::ApiGateway::Stage", "AWS::ApiGateway::Deployment"):
        for api in reading.branches(child(resource.properties, "RestApiId"))[0]:
            if isinstance(api, Reference) and api.id == draft.id:
                yield resource.properties
                yield reading.get(resource.properties, "StageDescription")


def _settings(reading: Reading, stage: Node) -> Iterator[tuple[tuple[str, str], Location | None]]:
    """What a stage is told to remember; what is not decidable, it is taken to be told.

    Returns:
        Path and method, and where it is told so; nothing where it is told not to.
    """
    if reading.flag(child(stage, "CacheClusterEnabled"), default=False) is False:
        return
    settings, _ = reading.branches(child(stage, "MethodSettings"))
    is_on = reading.flag(child(stage, "CachingEnabled"), default=False) is not False
    if is_on or any(isinstance(written, Unresolvable) for written in settings):
        yield (_EVERY_PATH, _EVERY_METHOD), stage.location
    items = chain.from_iterable(each.items for each in settings if isinstance(each, Listing))
    for node in chain.from_iterable(reading.branches(item)[0] for item in items):
        method = reading.text(child(node, "HttpMethod"))
        path = reading.text(child(node, "ResourcePath"))
        seconds = reading.number(child(node, "CacheTtlInSeconds"), default=_DEFAULT_SECONDS)
        is_on = reading.flag(child(node, "CachingEnabled"), default=False) is not False
        # A slash within a path is written ``~1``.
        decoded = str(path).replace("~1", "/").lstrip("/")
        key = (
            f"/{decoded}" if isinstance(path, str) else _EVERY_PATH,
            method.upper() if isinstance(method, str) else _EVERY_METHOD,
        )
        yield key, node.location if is_on and seconds != 0 else None


def _location(settings: dict[tuple[str, str], Location | None], route: Route) -> Location | None:
    """The setting by which a stage remembers a route's answers: for each method the closest one."""
    methods = {route.method}
    if route.method == ANY:
        methods = {_GET, *(method for _, method in settings)} - {_EVERY_METHOD}
    for method in methods:
        names = (method, _EVERY_METHOD) if method == _GET else (method,)
        keys = [(path, name) for path in (route.path, _EVERY_PATH) for name in names]
        closest = next((settings[key] for key in keys if key in settings), None)
        if closest is not None:
            return closest
    return None
