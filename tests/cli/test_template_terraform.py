"""Plans and states of Terraform's: what leads where, and what is left to those who apply them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.cli.location import FileError
from authorizer.cli.template.model import DoorKind, Unknown
from authorizer.cli.template.reader import parse_template, read_template
from authorizer.cli.template.runtime import function_runtime

if TYPE_CHECKING:
    from authorizer.cli.template.model import Api, Authorizer, Template

PLAN = Path(__file__).parents[1] / "templates" / "real" / "terraform.json"
API, GUARD, ROUTE = "aws_apigatewayv2_api.a", "aws_apigatewayv2_authorizer.g", "GET /orders"
FUNCTION = "aws_lambda_function.f"
ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc123"
LAMBDA = "arn:aws:lambda:eu-west-1:123456789012:function:guard"
INVOKED = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{LAMBDA}/invocations"


def resource(address: str, **values: Any) -> dict[str, Any]:
    kind, name = address.split("[", maxsplit=1)[0].split(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}


def plan(
    *resources: dict[str, Any],
    refer: dict[str, dict[str, list[str]]] | None = None,
    unknown: dict[str, dict[str, Any]] | None = None,
    **more: Any,
) -> Template:
    """A plan of resources, what their attributes refer to, and what is known only when applied.

    What refers to something, and has no value, is one of the latter.
    """
    refer = refer or {}
    later = {
        one["address"]: dict.fromkeys(refer.get(one["address"], {}), True) for one in resources
    }
    for one in resources:
        for name in one["values"]:
            later[one["address"]].pop(name, None)
        later[one["address"]] |= (unknown or {}).get(one["address"], {})
    written = [
        {
            "address": one["address"],
            "expressions": {
                name: {"references": names} for name, names in refer.get(one["address"], {}).items()
            },
        }
        for one in resources
    ]
    document = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": list(resources)}},
        "resource_changes": [
            {"address": address, "change": {"after_unknown": names}}
            for address, names in later.items()
        ],
        "configuration": {"root_module": {"resources": written}},
    }
    return parse_template(json.dumps(document | more).encode(), "plan.json")


def http_api(*further: dict[str, Any], **facts: Any) -> Template:
    """An API with a guarded route, of which nothing has an id yet."""
    refer = {
        GUARD: {
            "api_id": [f"{API}.id", API],
            "authorizer_uri": [f"{FUNCTION}.invoke_arn", FUNCTION],
        },
        "aws_apigatewayv2_route.r": {
            "api_id": [f"{API}.id", API],
            "authorizer_id": [f"{GUARD}.id", GUARD],
        },
    } | facts.pop("refer", {})
    return plan(
        resource(API, protocol_type="HTTP"),
        resource(GUARD, authorizer_type="REQUEST", authorizer_payload_format_version="2.0"),
        resource("aws_apigatewayv2_route.r", route_key=ROUTE, authorization_type="CUSTOM"),
        resource(FUNCTION, function_name="guard"),
        *further,
        refer=refer,
        **facts,
    )


def only(template: Template) -> tuple[Api, Authorizer]:
    (api,) = template.apis
    return api, api.authorizers[0]


def permission(template_of: Any = http_api, **values: Any) -> bool | Unknown:
    one = resource(
        "aws_lambda_permission.p",
        function_name="guard",
        action="lambda:InvokeFunction",
        principal="apigateway.amazonaws.com",
        **values,
    )
    _, guard = only(template_of(one))
    return guard.may_be_invoked


def test_what_has_no_id_yet_is_found_by_what_it_refers_to() -> None:
    """An API, an authorizer and a function are named by their addresses."""
    api, guard = only(http_api())

    assert (api.id, api.is_complete) == (API, True)
    assert [(route.key, route.authorizer) for route in api.routes] == [(ROUTE, GUARD)]
    assert guard.function == FUNCTION


def test_one_authorizer_of_several_is_not_guessed() -> None:
    """An expression that leads to two authorizers is undecided."""
    both = ["var.strict", f"{GUARD}.id", GUARD, "aws_apigatewayv2_authorizer.h.id"]
    template = http_api(
        resource("aws_apigatewayv2_authorizer.h", authorizer_type="REQUEST"),
        refer={
            "aws_apigatewayv2_authorizer.h": {"api_id": [API], "authorizer_uri": [FUNCTION]},
            "aws_apigatewayv2_route.r": {"api_id": [API], "authorizer_id": both},
        },
    )

    (api,) = template.apis
    assert isinstance(api.routes[0].authorizer, Unknown)
    assert "known only when applied" in str(api.routes[0].authorizer.why)


def test_a_route_asks_for_one_kind_of_authorizer() -> None:
    """Of a Lambda authorizer and a JWT authorizer, ``CUSTOM`` means the first."""
    template = http_api(
        resource("aws_apigatewayv2_authorizer.h", authorizer_type="JWT"),
        refer={
            "aws_apigatewayv2_authorizer.h": {"api_id": [API]},
            "aws_apigatewayv2_route.r": {
                "api_id": [API],
                "authorizer_id": ["var.kind", GUARD, "aws_apigatewayv2_authorizer.h.id"],
            },
        },
    )

    assert template.apis[0].routes[0].authorizer == GUARD


def test_what_a_local_value_is_made_of_is_not_told() -> None:
    """Plans do not say what locals are: the route may be anybody's."""
    refer = {"aws_apigatewayv2_route.r": {"api_id": ["local.api"], "authorizer_id": [GUARD]}}
    template = http_api(refer=refer)

    assert not any(api.is_complete for api in template.apis)


@pytest.mark.parametrize(
    ("key", "looks", "guard"),
    [
        ('["a"]', ["each.key"], '["a"]'),
        ('["b"]', ["each.key"], '["b"]'),
        ("", ["each.key"], None),
        ('["a"]', ["each.value.guard", "each.value"], None),
    ],
    ids=["a", "b", "none", "by value"],
)
def test_a_turn_of_a_loop_refers_to_the_same_turn(
    key: str, looks: list[str], guard: str | None
) -> None:
    """With ``for_each`` over the same keys, a route has the authorizer of its key."""
    names = [f'aws_apigatewayv2_authorizer.g["{name}"]' for name in "ab"]
    address = f"aws_apigatewayv2_route.r{key}"
    refer = {name: {"api_id": [API], "authorizer_uri": [FUNCTION]} for name in names}
    base = "aws_apigatewayv2_authorizer.g"
    template = plan(
        resource(API, protocol_type="HTTP"),
        *(resource(name, authorizer_type="REQUEST") for name in names),
        resource(FUNCTION, function_name="guard"),
        resource(address, route_key=ROUTE, authorization_type="CUSTOM"),
        refer=refer,
        unknown={address: {"api_id": True, "authorizer_id": True}},
        configuration={
            "root_module": {
                "resources": [
                    {"address": base, "expressions": {"api_id": {"references": [API]}}},
                    {
                        "address": "aws_apigatewayv2_route.r",
                        "expressions": {
                            "api_id": {"references": [API]},
                            "authorizer_id": {"references": [base, *looks]},
                        },
                    },
                ]
            }
        },
    )

    (api,) = template.apis
    found = api.routes[0].authorizer
    assert found == base + guard if guard else isinstance(found, Unknown)


def test_a_state_is_read_by_the_ids_that_things_have() -> None:
    """Once it is applied nothing refers any more: ids and ARNs lead to what they belong to."""
    values = {
        "root_module": {
            "resources": [
                resource(API, id="abc123", execution_arn=ARN, protocol_type="HTTP"),
                resource(
                    GUARD,
                    id="x1",
                    api_id="abc123",
                    authorizer_type="REQUEST",
                    authorizer_uri=INVOKED,
                    authorizer_result_ttl_in_seconds=60,
                ),
                resource(
                    "aws_apigatewayv2_route.r",
                    api_id="abc123",
                    route_key=ROUTE,
                    authorization_type="CUSTOM",
                    authorizer_id="x1",
                ),
                resource(
                    FUNCTION, function_name="guard", id="guard", arn=LAMBDA, invoke_arn=INVOKED
                ),
                resource(
                    "aws_lambda_permission.p",
                    function_name=LAMBDA,
                    action="lambda:InvokeFunction",
                    principal="apigateway.amazonaws.com",
                    source_arn=f"{ARN}/authorizers/x1",
                ),
            ]
        }
    }
    document = {"format_version": "1.0", "terraform_version": "1.11.4", "values": values}
    template = parse_template(json.dumps(document).encode(), "state.json")

    api, guard = only(template)
    assert (api.routes[0].authorizer, guard.function) == (GUARD, FUNCTION)
    assert (guard.ttl_seconds, guard.may_be_invoked) == (60, True)
    assert (template.doors, template.unresolved) == ((), ())


def test_the_provider_has_answers_cached_where_nothing_is_written() -> None:
    """The default for an HTTP API's authorizer is five minutes, unlike CloudFormation's."""
    computed = {GUARD: {"authorizer_result_ttl_in_seconds": True}}
    _, silent = only(http_api(unknown=computed))
    refer = {GUARD: {"api_id": [API], "authorizer_result_ttl_in_seconds": ["data.aws_x.y.z"]}}
    _, told_later = only(http_api(refer=refer))

    assert silent.ttl_seconds == 300
    assert isinstance(told_later.ttl_seconds, Unknown)


def test_a_permission_covers_the_api_that_it_refers_to() -> None:
    """Of an ARN that is known only when applied, the API in it is known."""

    def referring(*names: str) -> Any:
        source = {"aws_lambda_permission.p": {"source_arn": list(names)}}
        return lambda one: http_api(one, refer=source)

    assert permission(referring(f"{API}.execution_arn", API)) is True
    assert permission(referring(f"{API}.execution_arn", API, f"{GUARD}.id", GUARD)) is True
    assert isinstance(permission(referring("data.aws_x.y.z")), Unknown)
    assert permission(source_arn=f"{ARN}/*/*") is False  # another one's


def test_a_plan_that_is_not_complete_hides_routes() -> None:
    """With deferred resources, as with targets, there may be others."""
    assert http_api(complete=True).unresolved == ()
    (fact,) = http_api(complete=False).unresolved
    assert str(fact.why) == "the plan is not complete"


@pytest.mark.parametrize("other", ["local.other", "data.aws_ssm_parameter.other.value"])
def test_what_may_stand_there_as_well_is_not_decidable(other: str) -> None:
    """An expression that chooses says nothing of which it chose."""
    refer = {
        "aws_apigatewayv2_route.r": {
            "api_id": [f"{API}.id", API],
            "authorizer_id": [other, f"{GUARD}.id", GUARD],
        }
    }
    (api,) = http_api(refer=refer).apis
    assert isinstance(api.routes[0].authorizer, Unknown)


def test_what_is_known_to_be_another_is_not_what_is_named_beside() -> None:
    """The value counts, and of what it might have been made does not."""
    guard = resource(GUARD, authorizer_type="REQUEST")
    more = {"authorization_type": "CUSTOM", "authorizer_id": "abc123"}
    route = resource("aws_apigatewayv2_route.r", route_key=ROUTE, **more)
    refer = {
        GUARD: {"api_id": [f"{API}.id", API]},
        "aws_apigatewayv2_route.r": {
            "api_id": [f"{API}.id", API],
            "authorizer_id": [f"{GUARD}.id", GUARD],
        },
    }
    (api,) = plan(resource(API, protocol_type="HTTP"), guard, route, refer=refer).apis
    assert isinstance(api.routes[0].authorizer, Unknown)


def test_a_plan_without_its_changes_hides_routes() -> None:
    """Somebody took them out, and nobody knows what is known only when applied."""
    document = json.loads(PLAN.read_bytes())
    del document["resource_changes"]
    template = parse_template(json.dumps(document).encode(), "plan.json")
    assert not any(api.is_complete for api in template.apis)


def test_variables_that_are_known_later_are_not_taken_for_absent() -> None:
    """One variable may be known only when applied, or all of them."""
    one = {FUNCTION: {"environment": [{"variables": {"AUTHORIZER_POLICY": True}}]}}
    environment = [{"variables": {"AUTHORIZER_IAM_MODE": "caller"}}]
    guard = resource("aws_lambda_function.f", function_name="guard", environment=environment)
    (function,) = plan(guard, unknown=one).functions
    (unknown,) = plan(
        resource(FUNCTION, environment=[{}]),
        unknown={FUNCTION: {"environment": [{"variables": True}]}},
    ).functions

    assert function.variables["AUTHORIZER_IAM_MODE"] == "caller"
    assert isinstance(function.variables["AUTHORIZER_POLICY"], Unknown)
    assert function.is_complete
    assert not unknown.is_complete


def test_answers_that_a_stage_shares_are_found() -> None:
    """Settings of methods belong to the stage whose name they tell."""
    (api, *_) = read_template(PLAN).apis

    shared = {route.key: route.shared_answers is not None for route in api.routes}
    assert shared == {
        "GET /users/{id}": True,
        "PUT /users/{id}": False,
        "OPTIONS /users/{id}": False,
    }


def test_functions_behind_routes_and_doors_are_found() -> None:
    """Through modules, loops and outputs, as well as by an API's target."""
    template = read_template(PLAN)

    backends = {route.backend for api in template.apis for route in api.routes}
    assert backends == {"aws_lambda_function.orders", None}
    (door,) = template.doors
    assert (door.kind, door.function) == (DoorKind.URL, "aws_lambda_function.orders")


def test_what_a_function_runs_on_is_read_for_its_package() -> None:
    """Where nothing is written, Lambda takes its own processor."""
    runtime = function_runtime(PLAN, "aws_lambda_function.authorizer")

    assert (runtime.python, runtime.architecture) == ("3.13", "x86_64")


def test_a_definition_stands_where_its_text_does() -> None:
    """Routes of a body that is known are read; one that is none hides them."""
    body = {"openapi": "3.0.1", "paths": {"/a": {"get": {"security": []}}}}
    (api,) = plan(
        resource("aws_apigatewayv2_api.a", protocol_type="HTTP", body=json.dumps(body))
    ).apis
    (broken,) = plan(resource("aws_apigatewayv2_api.a", protocol_type="HTTP", body="{")).apis

    assert [(route.key, route.authorizer) for route in api.routes] == [("GET /a", None)]
    assert api.routes[0].location.file == "plan.json"
    assert (api.is_complete, broken.is_complete) == (True, False)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("main.tf", b'resource "aws_x" "y" {}\n', "terraform show -json"),
        ("plan", b"PK\x03\x04", "terraform show -json"),
        ("serverless.yml", b"service: a\nprovider: {name: aws}\n", "serverless package"),
    ],
)
def test_what_a_plan_or_a_template_is_made_of_is_refused(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    """The message says how to make what can be read."""
    (tmp_path / name).write_bytes(data)

    with pytest.raises(FileError, match=expected):
        read_template(tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "named", "hides"),
    [
        ("aws_cloudformation_stack", 1, 1),
        ("awscc_apigatewayv2_route", 1, 1),
        ("awscc_lambda_permission", 1, 0),
        ("aws_s3_bucket", 0, 0),
    ],
)
def test_what_is_not_read_is_named(kind: str, named: int, hides: int) -> None:
    """A stack, or what another provider makes, may open an API that is read as a guarded one."""
    template = http_api(resource(f"{kind}.x"))
    facts = [fact for fact in template.unresolved if f"{kind}.x" in str(fact.what)]
    assert (len(facts), template.apis[0].is_complete) == (named, not hides)


@pytest.mark.parametrize(("kind", "named"), [("aws_apigatewayv2_route", 1), ("aws_s3_bucket", 0)])
def test_what_a_plan_forgets_stays_as_it_is(kind: str, named: int) -> None:
    """What is taken out of Terraform's hands without being destroyed is still deployed."""
    change = {"address": f"{kind}.old", "type": kind, "change": {"actions": ["forget"]}}
    template = http_api(resource_changes=[change])
    facts = [fact for fact in template.unresolved if "old" in str(fact.what)]
    assert (len(facts), template.apis[0].is_complete) == (named, not named)


def test_a_plan_that_failed_hides_routes() -> None:
    """Terraform writes down what it had planned when an error came up."""
    assert not http_api(errored=True).apis[0].is_complete
    assert http_api(errored=False).apis[0].is_complete
