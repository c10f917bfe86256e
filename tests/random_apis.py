"""Random templates in front of random policies: APIs of every kind, with authorizers of all sorts.

They are written as the text that people write, and read by what reads that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from naive_gateway import candidates
from naive_policy import segments_of
from random_policies import RULE_PATHS, random_policy

from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.analysis.protection import protection_by_route
from authorizer.cli.policy_file import compile_source, dump_policy, read_source, with_routes
from authorizer.cli.template.reader import parse_template
from authorizer.cli.template.stacks import known_routes
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from naive_policy import NaivePolicy

    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Api, Template

KEYS = (
    "GET /",
    "GET /a",
    "ANY /a",
    "PUT /{id}",
    "GET /{id}",
    "GET /a/b",
    "GET /a/{other}",
    "ANY /a/{other}",
    "GET /{id}/b",
    "ANY /{id}/b",
    "GET /{id}/{other}",
    "ANY /a/{proxy+}",
    "GET /{id}/{proxy+}",
    "ANY /{proxy+}",
)
# Of an HTTP API: to a REST API, a path with a slash at its end is the one without.
SLASHED = ("GET /a/", "GET /{id}/", "ANY /a/b/", "ANY /{id}/{other}/")
CROSSING = ("GET /a/{other}", "GET /{id}/b")
FUNCTION = {"Type": "AWS::Serverless::Function", "Properties": {}}
OURS = {"Fn::GetAtt": ["Ours", "Arn"]}
PERMISSION = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {
        "FunctionName": {"Ref": "Ours"},
        "Principal": "apigateway.amazonaws.com",
        "Action": "lambda:InvokeFunction",
    },
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A policy and the API it is for, as their texts and as what is read from them."""

    policy_text: bytes
    template_text: bytes

    @cached_property
    def document(self) -> SourcePolicy:
        source, problems = read_source(self.policy_text)
        assert problems == [], problems
        return source

    @cached_property
    def source(self) -> NamedPolicy:
        return NamedPolicy(source=self.document)

    @cached_property
    def template(self) -> Template:
        template = parse_template(self.template_text, "template.yaml")
        assert not template.unresolved, template.unresolved
        return template

    @cached_property
    def api(self) -> Api:
        (api,) = self.template.apis
        return api

    @cached_property
    def deployed(self) -> Policy:
        """What ships: compiled with the template's routes."""
        compiled = with_routes(compile_source(self.document), known_routes(self.template, None))
        return Policy.parse(dump_policy(compiled))

    @cached_property
    def authorizers(self) -> dict[str, str | None]:
        """The kind of authorizer of each route."""
        found = protection_by_route(self.template, self.api).items()
        return {key: protection.authorizer_kind for key, protection in found}


def random_http(random: Random, version: str) -> Made:
    """An HTTP API, some of whose routes have no authorizer of ours."""
    rbac = {
        "ApiId": {"Ref": "Api"},
        "Name": "Rbac",
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": OURS,
        "AuthorizerPayloadFormatVersion": version,
        "EnableSimpleResponses": version == "2.0",
        "IdentitySource": ["$request.header.Authorization"],
    }
    login = {
        "ApiId": {"Ref": "Api"},
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": "https://login.example.com", "Audience": ["shop"]},
    }
    resources = {
        "Api": _resource("AWS::ApiGatewayV2::Api", ProtocolType="HTTP", Name="api"),
        "Rbac": _resource("AWS::ApiGatewayV2::Authorizer", **rbac),
        "Login": _resource("AWS::ApiGatewayV2::Authorizer", **login),
    }
    for number, key in enumerate(_keys(random, (*KEYS, *SLASHED, "$default"))):
        name = _one_of(random, "Rbac", "Login")
        resources[f"Route{number}"] = _route(key, name, "JWT" if name == "Login" else "CUSTOM")
    return _made(random, resources)


def random_rest(random: Random, kind: str) -> Made:
    """A REST API, some of whose routes have an authorizer of another kind, or none."""
    other = "REQUEST" if kind == "TOKEN" else "TOKEN"
    paths: dict[str, Any] = {}
    for key in _keys(random, KEYS):
        method, _, path = key.partition(" ")
        verb = "x-amazon-apigateway-any-method" if method == "ANY" else method.lower()
        name = _one_of(random, kind, other)
        paths.setdefault(path, {})[verb] = {"security": [] if name is None else [{name: []}]}
    body = {
        "openapi": "3.0.1",
        "paths": paths,
        "components": {"securitySchemes": {one: _scheme(one) for one in (kind, other)}},
    }
    return _made(
        random, {"Api": _resource("AWS::Serverless::Api", StageName="x", DefinitionBody=body)}
    )


def random_websocket(random: Random) -> Made:
    """A WebSocket API, whose connection is authorized."""
    rbac = {
        "ApiId": {"Ref": "Api"},
        "Name": "Rbac",
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": OURS,
        "IdentitySource": ["route.request.header.Authorization"],
    }
    resources = {
        "Api": _resource("AWS::ApiGatewayV2::Api", ProtocolType="WEBSOCKET", Name="api"),
        "Rbac": _resource("AWS::ApiGatewayV2::Authorizer", **rbac),
        "Connect": _route("$connect", "Rbac", "CUSTOM"),
        "Message": _route("$default", None, "NONE"),
    }
    return _made(random, resources)


def chosen_route(keys: Sequence[str], method: str, path: str, *, is_rest: bool) -> str | None:
    """The route that API Gateway matches, of a path that is written plainly."""
    found = candidates(keys, method, path)
    if is_rest:
        # The tree of paths is walked first; the method is looked for only where that leads.
        there = [key for key in keys if candidates([key], key.partition(" ")[0], path)]
        nearest = min(map(_from_the_left, there), default=[])
        found = {key for key in found if _from_the_left(key) == nearest}
    return min(found, key=_preference, default=None)


def _preference(key: str) -> tuple[bool, bool, list[int], bool]:
    return (
        key == "$default",
        key.endswith("+}"),
        _from_the_left(key),
        key.startswith("ANY "),
    )


def _from_the_left(key: str) -> list[int]:
    segments = segments_of(key.partition(" ")[2])
    return [2 if one.endswith("+}") else 1 if one.startswith("{") else 0 for one in segments]


def _keys(random: Random, known: Sequence[str]) -> list[str]:
    """Some routes; often two of them cross, so that it is not plain which is the more specific."""
    crossing = CROSSING if random.random() < 0.5 else ()
    return list(dict.fromkeys((*crossing, *random.sample(known, k=random.randrange(1, 6)))))


def _one_of(random: Random, usual: str, other: str) -> str | None:
    return random.choices([usual, other, None], weights=[8, 1, 1])[0]


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _route(key: str, name: str | None, kind: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"AuthorizationType": "NONE"}
    if name is not None:
        chosen = {"AuthorizationType": kind, "AuthorizerId": {"Ref": name}}
    return _resource("AWS::ApiGatewayV2::Route", ApiId={"Ref": "Api"}, RouteKey=key, **chosen)


def _scheme(kind: str) -> dict[str, Any]:
    uri = "arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${Ours.Arn}/invocations"
    authorizer = {
        "type": kind.lower(),
        "authorizerUri": {"Fn::Sub": uri},
        "authorizerResultTtlInSeconds": 0,
    }
    if kind == "REQUEST":
        authorizer["identitySource"] = "method.request.header.Authorization"
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }


def _made(random: Random, resources: dict[str, Any]) -> Made:
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {**resources, "Ours": FUNCTION, "Permission": PERMISSION},
    }
    return Made(
        policy_text=_policy_text(random, random_policy(random)),
        template_text=json.dumps(template).encode(),
    )


def _policy_text(random: Random, naive: NaivePolicy) -> bytes:
    order = list(naive.groups)
    groups = {
        name: {
            # A group that includes itself, by way of another one, is an error.
            "includes": [one for one in body.includes if order.index(one) > order.index(name)],
            "allow": _rules(random, body.allow),
            "deny": _rules(random, body.deny),
        }
        for name, body in naive.groups.items()
    }
    scopes = {
        name: {"allow": _rules(random, body.allow)}
        for name, body in naive.scopes.items()
        if body.allow
    }
    document = {
        "version": 1,
        "groups": {
            name: {key: value for key, value in body.items() if value}
            for name, body in groups.items()
        },
        "scopes": scopes,
        "public": list(naive.public),
    }
    return json.dumps(document, indent=1).encode()


def _rules(random: Random, rules: Sequence[str]) -> list[str]:
    """The rules, at times with one for connections and one that meets others besides."""
    further = [random.choice([f"GET {random.choice(RULE_PATHS)}", "$connect", "ANY /**"])]
    return list(dict.fromkeys((*rules, *(further if random.random() < 0.4 else ()))))
