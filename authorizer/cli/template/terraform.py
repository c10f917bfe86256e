"""A plan of Terraform's as the CloudFormation template that makes the same.

A plan says what each resource is to have, but not what is known only once it is applied: ids and
ARNs. Which resources such a value is made of stands in the configuration, by names that lead
through variables, outputs and loops; how it is made of them does not. So one resource of the right
type is taken for what is meant, and with several it is undecided.

https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from authorizer.cli.location import Location
from authorizer.cli.template.functions import execution_arn
from authorizer.cli.template.nodes import (
    Absent,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
    children_of,
    mapping_at,
    moved,
)
from authorizer.cli.yaml_source import TEMPLATE, compose
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_API, _REST_API = "AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"
_METHOD, _STAGE = "AWS::ApiGateway::Method", "AWS::ApiGateway::Stage"
_FUNCTIONS = ("AWS::Lambda::Function", "AWS::Lambda::Alias")
# What belongs to another resource in CloudFormation.
_PART_OF_METHOD, _PART_OF_STAGE = "aws_api_gateway_integration", "aws_api_gateway_method_settings"
_TYPES = {
    "aws_api_gateway_authorizer": "AWS::ApiGateway::Authorizer",
    "aws_api_gateway_gateway_response": "AWS::ApiGateway::GatewayResponse",
    "aws_api_gateway_method": _METHOD,
    "aws_api_gateway_resource": "AWS::ApiGateway::Resource",
    "aws_api_gateway_rest_api": _REST_API,
    "aws_api_gateway_stage": _STAGE,
    "aws_apigatewayv2_api": _API,
    "aws_apigatewayv2_authorizer": "AWS::ApiGatewayV2::Authorizer",
    "aws_apigatewayv2_integration": "AWS::ApiGatewayV2::Integration",
    "aws_apigatewayv2_route": "AWS::ApiGatewayV2::Route",
    "aws_appsync_datasource": "AWS::AppSync::DataSource",
    "aws_cognito_user_group": "AWS::Cognito::UserPoolGroup",
    "aws_cognito_user_pool": "AWS::Cognito::UserPool",
    "aws_cognito_user_pool_client": "AWS::Cognito::UserPoolClient",
    "aws_lambda_alias": "AWS::Lambda::Alias",
    "aws_lambda_function": "AWS::Lambda::Function",
    "aws_lambda_function_url": "AWS::Lambda::Url",
    "aws_lambda_permission": "AWS::Lambda::Permission",
}
# What keeps Terraform's type: it may add to an API, and is not read, or is a part of others.
_KEPT = re.compile(rf"awscc_\w+|aws_cloudformation_stack|{_PART_OF_METHOD}|{_PART_OF_STAGE}")
FORGOTTEN = "forgotten"
# What CloudFormation does not call as Terraform does, but for the case of letters.
_PROPERTIES = {
    _METHOD: {"authorization": "AuthorizationType"},
    "AWS::ApiGatewayV2::Authorizer": {"identity_sources": "IdentitySource"},
    "AWS::AppSync::DataSource": {"function_arn": "LambdaFunctionArn"},
    "AWS::Cognito::UserPoolGroup": {"name": "GroupName"},
    "AWS::Lambda::Function": {"filename": "Code"},
    "AWS::Lambda::Url": {"authorization_type": "AuthType", "function_name": "TargetFunctionArn"},
}
# The types of what properties lead to.
_LEADS_TO = {
    **dict.fromkeys(("AuthorizerUri", "IntegrationUri", "Uri", "LambdaFunctionArn"), _FUNCTIONS),
    **dict.fromkeys(("FunctionName", "FunctionVersion", "TargetFunctionArn"), _FUNCTIONS),
    **dict.fromkeys(("ParentId", "ResourceId"), ("AWS::ApiGateway::Resource", _REST_API)),
    "ApiId": (_API,),
    "AuthorizerId": ("AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Authorizer"),
    "RestApiId": (_REST_API,),
    "SourceArn": (_API, _REST_API),
    "Target": ("AWS::ApiGatewayV2::Integration", *_FUNCTIONS),
}
# Attributes by which a resource is named, with what CloudFormation calls those that are no Ref.
_IDS = {
    **dict.fromkeys(("id", "arn", "invoke_arn", "execution_arn")),
    "root_resource_id": "RootResourceId",
    **dict.fromkeys(("version", "qualified_arn", "qualified_invoke_arn"), "Version"),
}
_SETTINGS = "MethodSettings"
_NOWHERE = Location(file="")
# What holds where nothing is written: the provider sends the first to HTTP APIs.
_DEFAULTS: dict[str, Node] = {
    "AuthorizerResultTtlInSeconds": Text(_NOWHERE, "300", "int"),
    "Architectures": Absent(_NOWHERE),
}
# Data that nothing else is chosen by: they are a part of many ARNs.
_NO_RESOURCES = frozenset({"aws_region", "aws_caller_identity", "aws_partition"})
_REFERENCE = re.compile(
    r'(?P<name>[\w-]+\.[\w-]+)(?P<index>\[(?:\d+|"(?:[^"\\]|\\.)*")\])?(?:\.(?P<attribute>\w+))?.*',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Module:
    """One instance of a module, by what addresses in it begin with.

    Attributes:
        call: what the configuration says of it, and of what it is given.
        index: the key of a loop that it is called in, in brackets.
    """

    prefix: str
    index: str
    call: Node
    above: _Module | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Instance:
    """One instance of a resource: what a plan, and the configuration, say of it.

    Attributes:
        base: its address without the key of a loop.
    """

    address: str
    base: str
    type: str
    module: _Module
    location: Location
    planned: Node
    written: Node


def is_plan(root: Node) -> bool:
    """Whether a document is what ``terraform show -json`` writes, of a plan or of a state."""
    return {"terraform_version", "format_version"} <= _names(root)


def as_template(plan: Node) -> Mapping:
    """The template that makes what a plan makes, each thing where the plan has it."""
    properties = _Plan(plan).properties() | {
        _text(change, "address"): (FORGOTTEN, mapping_at(change.location, {}))
        for change in children_of(child(plan, "resource_changes"))
        for action in _texts(_at(change, "change", "actions"))
        if action == "forget" and _text(change, "type") in _TYPES
    }
    for kind, own in properties.values():
        if kind == _PART_OF_METHOD:
            for method in _alike(properties, _METHOD, own, "ResourceId", "HttpMethod"):
                method.entries["Integration"], method.keys["Integration"] = own, own.location
        elif kind == _PART_OF_STAGE:
            for stage in _alike(properties, _STAGE, own, "RestApiId", "StageName"):
                before = children_of(child(stage, _SETTINGS))
                settings = Listing(own.location, (*before, _method_settings(own)))
                stage.entries[_SETTINGS], stage.keys[_SETTINGS] = settings, own.location
    resources: dict[str, Node] = {
        address: mapping_at(own.location, {"Type": Text(own.location, kind), "Properties": own})
        for address, (kind, own) in properties.items()
    }
    names = _names(plan)  # without the changes nobody knows what is known only when applied
    is_whole = "values" in names or {"planned_values", "resource_changes"} <= names
    is_whole &= _text(plan, "complete") != "false" and _text(plan, "errored") != "true"
    section = mapping_at(plan.location, resources)
    section = replace(section, open=None if is_whole else "the plan is not complete")
    return mapping_at(plan.location, {"Resources": section})


def _alike(
    properties: dict[str, tuple[str, Mapping]], kind: str, own: Mapping, *names: str
) -> Iterator[Mapping]:
    """The resources of a type that have the same under these names."""
    wanted = [_named(child(own, name)) for name in names]
    for other, found in properties.values():
        if other == kind and [_named(child(found, name)) for name in names] == wanted:
            yield found


def _method_settings(own: Mapping) -> Mapping:
    """Settings of methods as a stage of CloudFormation's lists them."""
    path, _, method = _text(own, "MethodPath").rpartition("/")
    where = {"ResourcePath": f"/{path}", "HttpMethod": method}
    texts = {name: Text(own.location, text) for name, text in where.items()}
    return mapping_at(own.location, {**texts, **getattr(child(own, "Settings"), "entries", {})})


class _Plan:
    """A plan while it is being read."""

    def __init__(self, plan: Node) -> None:
        # By addresses without keys of loops: the addresses with them.
        self._bases: dict[str, list[str]] = {}
        self._modules: dict[str, _Module] = {}
        self._instances: dict[str, _Instance] = {}
        self._unknown = {
            _text(change, "address"): _at(change, "change", "after_unknown")
            for change in children_of(child(plan, "resource_changes"))
        }
        values = child(plan, "planned_values" if "planned_values" in _names(plan) else "values")
        call = mapping_at(plan.location, {"module": _at(plan, "configuration", "root_module")})
        self._read_module(_Module(prefix="", index="", call=call), child(values, "root_module"))
        # What is known by an id or an ARN, by its type.
        self._known = {
            (one.type, text): Reference(one.location, address, attribute)
            for address, one in self._instances.items()
            for name, attribute in _IDS.items()
            if (text := _text(one.planned, name))
        }

    def properties(self) -> dict[str, tuple[str, Mapping]]:
        """The types of all resources that matter, and their properties, by their addresses."""
        return {
            address: (
                instance.type,
                self._block(
                    instance,
                    instance.planned,
                    self._unknown.get(address, Absent(instance.location)),
                    child(instance.written, "expressions"),
                ),
            )
            for address, instance in self._instances.items()
        }

    def _read_module(self, module: _Module, values: Node) -> None:
        """Take note of the resources of a module, and of those that it calls."""
        self._modules[module.prefix] = module
        resources = children_of(_at(module.call, "module", "resources"))
        written = {_text(resource, "address"): resource for resource in resources}
        for planned in children_of(child(values, "resources")):
            kind, address = _text(planned, "type"), _text(planned, "address")
            base = f"{kind}.{_text(planned, 'name')}"
            known_as = _TYPES.get(kind, kind if _KEPT.fullmatch(kind) else "")
            if known_as and _text(planned, "mode") == "managed":
                self._bases.setdefault(module.prefix + base, []).append(address)
                self._instances[address] = _Instance(
                    address=address,
                    base=module.prefix + base,
                    type=known_as,
                    module=module,
                    location=planned.location,
                    planned=child(planned, "values"),
                    written=written.get(base, Absent(planned.location)),
                )
        for below in children_of(child(values, "child_modules")):
            address = _text(below, "address")
            name, bracket, index = address[len(f"{module.prefix}module.") :].partition("[")
            self._bases.setdefault(f"{module.prefix}module.{name}", []).append(address)
            call = _at(module.call, "module", "module_calls", name)
            index = bracket + index
            inner = _Module(prefix=f"{address}.", index=index, call=call, above=module)
            self._read_module(inner, below)

    # --- values ---

    def _block(self, instance: _Instance, values: Node, unknown: Node, written: Node) -> Mapping:
        """What stands in a block, by CloudFormation's names."""
        entries: dict[str, Node] = {}
        names = _PROPERTIES.get(instance.type, {})
        for name in sorted(_names(values) | _names(unknown)):
            value, is_unknown, expression = (child(one, name) for one in (values, unknown, written))
            known_as = names.get(name, "".join(map(str.capitalize, name.split("_"))))
            match value:
                case Listing(items=(Mapping() as block, *_)):  # that may stand once: a list of one
                    inner = (next(iter(children_of(one)), one) for one in (is_unknown, expression))
                    entries[known_as] = self._block(instance, block, *inner)
                case _:
                    value = _with_unknown(value, is_unknown)
                    entries[known_as] = self._value(instance, known_as, value, expression)
        entries = {name: node for name, node in entries.items() if not _is_nothing(node)}
        return mapping_at(instance.location, entries)

    def _value(self, instance: _Instance, name: str, value: Node, expression: Node) -> Node:
        """A value, or the resource that it leads to."""
        if name in _DEFAULTS and isinstance(value, Unresolvable) and isinstance(expression, Absent):
            return moved(_DEFAULTS[name], value.location)
        if name not in {"Body", *_LEADS_TO} or _is_nothing(value):
            return value
        if name == "Body":
            return _body(value) if isinstance(value, Text) else value
        text, rest = getattr(value, "text", ""), ""
        if name == "SourceArn":
            text, _, rest = text.partition("/")
        types = _LEADS_TO[name]
        known = [self._known[kind, text] for kind in types if (kind, text) in self._known]
        index = instance.address[len(instance.base) :]
        loop = child(instance.written, "for_each_expression")
        led = dict(self._leads(instance.module, expression, loop, index))
        found = known or [
            Reference(value.location, address, _IDS.get(attribute))
            for address, attribute in led.items()
            if address in self._instances
            and self._instances[address].type in types
            # What is known already is this one only if this one is known as that.
            and (not isinstance(value, Text) or text in _texts(self._instances[address].planned))
        ]
        if name == "AuthorizerId":
            found = [reference for reference in found if self._fits(instance, reference)]
        if len(found) != 1 or (not known and not led.keys() <= self._instances.keys()):
            return value
        if name == "SourceArn":
            return execution_arn(value, found[0], f"/{rest}" if known else "/*")
        return replace(found[0], location=value.location)

    def _fits(self, route: _Instance, authorizer: Reference) -> bool:
        """Whether it is an authorizer of the kind that a route asks for, as far as it tells."""
        own, others = route.planned, self._instances[authorizer.id].planned
        asked = _text(own, "authorization_type") or _text(own, "authorization")
        kind = _text(others, "authorizer_type") or _text(others, "type")
        return asked in {"", kind} or (asked == "CUSTOM" and kind in {"REQUEST", "TOKEN"})

    def _leads(
        self, module: _Module, expression: Node, loop: Node, index: str
    ) -> Iterator[tuple[str, str]]:
        """The addresses of what an expression is made of, and which attribute is used of each.

        In a loop, ``each`` stands for something, and there is the key of this turn, in brackets.
        """
        written = _texts(child(expression, "references"))
        # With the values of a loop anything can be chosen, with its key what has the same one.
        is_by_key = (
            not {"each.key", "count.index"}.isdisjoint(written) and "each.value" not in written
        )
        nothing = Absent(expression.location)
        # After an attribute stands what it is one of: the attribute shall come last.
        for found in filter(None, map(_REFERENCE.fullmatch, reversed(written))):
            kind, _, name = found["name"].partition(".")
            base, attribute = module.prefix + found["name"], found["attribute"] or ""
            start = base + (found["index"] or "")
            own = [one for one in self._bases.get(base, ()) if one.startswith(start)]
            same = [one for one in own if is_by_key and one == base + index]
            if kind == "each":
                yield from self._leads(module, loop, nothing, index)
            elif kind == "var" and module.above is not None:
                given = _at(module.call, "expressions", name)
                outer = child(module.call, "for_each_expression")
                yield from self._leads(module.above, given, outer, module.index)
            elif kind == "module":
                for address in same or own:
                    below = self._modules[f"{address}."]
                    given = _at(below.call, "module", "outputs", attribute, "expression")
                    yield from self._leads(below, given, nothing, "")
            else:  # what may stand there as well is told, and never found
                others = [base] if kind in {"local", "data"} and name not in _NO_RESOURCES else []
                yield from ((address, attribute) for address in same or own or others)


# --- nodes ---


def _with_unknown(value: Node, unknown: Node) -> Node:
    """A value, undecidable as far as it is known only when applied."""
    why = Unresolvable(value.location, "it is known only when applied")
    if isinstance(value, Mapping) and isinstance(unknown, Mapping):
        more = {name: why for name, _, inner in unknown if _is_true(inner)}
        return mapping_at(value.location, value.entries | more)
    return why if any(map(_is_true, (unknown, *children_of(unknown)))) else value


def _body(written: Text) -> Node:
    """A definition, all of which stands where its text does."""
    try:
        found = compose(written.text.encode(), written.location.file, TEMPLATE)
    except ConfigurationError as error:
        return Unresolvable(written.location, error.problems[0])
    return moved(found, written.location)


def _is_true(node: Node) -> bool:
    return getattr(node, "text", "") == "true"


def _is_nothing(node: Node) -> bool:
    is_null = isinstance(node, Absent) or getattr(node, "kind", "") == "null"
    return is_null or getattr(node, "items", None) == ()


def _at(node: Node, *path: str) -> Node:
    return reduce(child, path, node)


def _names(node: Node) -> set[str]:
    return set(node.entries) if isinstance(node, Mapping) else set()


def _named(node: Node) -> tuple[str | None, ...]:
    return tuple(getattr(node, name, None) for name in ("id", "attribute", "text"))


def _texts(node: Node) -> list[str]:
    return [getattr(one, "text", "") for one in children_of(node)]


def _text(node: Node, name: str) -> str:
    return getattr(child(node, name), "text", "")
