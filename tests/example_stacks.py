"""Each of `examples/` on the emulator, and what it answers whom.

CloudFormation makes the stacks of their templates. What the emulator cannot do is made of them in
another way, or is left out: docs/emulators.md lists it, and says what is tried instead.

Run by ``make examples``.
"""

from __future__ import annotations

import io
import re
import socket
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rich import box
from rich.table import Table
from samtranslator.yaml_helper import yaml_parse
from template_stack import (
    BUCKET,
    create_stack,
    explicit_apis,
    load_template,
    transformed,
    with_own_runtime,
)
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, Request

from authorizer.cli.local import emulator as local_emulator
from authorizer.cli.local import functions, users
from authorizer.cli.local.deploy import Deployment
from authorizer.cli.local.emulator import REGION, Emulator, direct_session, running_emulator
from authorizer.cli.local.report import console
from authorizer.cli.local.users import Person
from authorizer.cli.package import fill
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.stacks import known_routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES = Path(__file__).parents[1] / "examples"
ORIGIN = "https://www.example.com"
GROUPS = {
    "reader": ("reader",),
    "clerk": ("clerk",),
    "member": ("member",),
    "suspended": ("clerk", "member", "suspended"),
    "ungrouped": (),
}
_OF_ORDERS = """
    GET /orders       nobody 401, garbage 403, reader 200, clerk 200, suspended 403, ungrouped 403
    POST /orders      nobody 401, garbage 403, reader 403, clerk 200, suspended 403, ungrouped 403
    GET /orders/7     reader 200, clerk 200, ungrouped 403
    DELETE /orders/7  clerk 404
"""
_OF_ORDERS_IN_SHORT = """
    GET /orders       nobody 401, reader 200, ungrouped 403
"""
_OF_A_FUNCTION = """
    GET /health       nobody 200, suspended 200
    GET /orders       nobody 401 bearer, garbage 401 invalid_token, reader 200, clerk 200
    GET /orders       suspended 403 insufficient_scope, ungrouped 403 insufficient_scope
    POST /orders      nobody 401 bearer, reader 403 insufficient_scope, clerk 201
    GET /orders/7     reader 200, ungrouped 403 insufficient_scope
"""
# Who gets what: the status; the error in WWW-Authenticate; and whether a page may read it.
SCENARIOS = {
    "existing-pool": _OF_ORDERS,
    "existing-pool, by import": _OF_ORDERS_IN_SHORT,
    "existing-pool, or looked up in place": _OF_ORDERS_IN_SHORT,
    "rest-api-waf": """
    GET /health       nobody 200, garbage 200, ungrouped 200
    GET /orders       nobody 401 invalid_token cors, garbage 401 invalid_token cors, reader 200
    GET /orders       clerk 200, suspended 403 insufficient_scope cors
    GET /orders       ungrouped 403 insufficient_scope cors
    POST /orders      nobody 401 invalid_token cors, reader 403 insufficient_scope cors, clerk 200
    GET /orders/7     reader 200, clerk 200
    DELETE /orders/7  reader 403 insufficient_scope cors, clerk 200
    GET /elsewhere    clerk 403 cors
    """,
    # On AWS, garbage is a 401: the emulator takes the function's Unauthorized for any error.
    "websocket": """
    $connect          nobody 401, garbage 500, member 101 bearer, suspended 403, ungrouped 403
    """,
    "function-url": f"{_OF_A_FUNCTION}    DELETE /orders/7  clerk 403 insufficient_scope",
    # Powertools knows no such route, and so asks nobody.
    "alb": f"{_OF_A_FUNCTION}    DELETE /orders/7  clerk 404",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What somebody was answered, and what they must be."""

    example: str
    request: str
    who: str
    answered: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """The examples on the emulator.

    Attributes:
        urls: where each answers, by its name in SCENARIOS.
        tokens: of each person.
    """

    emulator: Emulator
    urls: Mapping[str, str]
    tokens: Mapping[str, str]

    def play(self, example: str) -> Iterator[Outcome]:
        """Ask for all that its scenario has."""
        for line in SCENARIOS[example].strip().splitlines():
            request, _, steps = line.strip().partition("  ")
            for step in steps.strip().split(", "):
                who, _, expected = step.partition(" ")
                ask = self._connect if request == "$connect" else self._ask
                answered = ask(self.urls[example], request, self.tokens.get(who))
                yield Outcome(
                    example=example,
                    request=request,
                    who=who,
                    answered=answered,
                    expected=expected,
                )

    def _ask(self, url: str, request: str, token: str | None) -> str:
        method, path = request.split(" ")
        with direct_session() as http:
            answer = http.request(
                method,
                url + path,
                headers={"Authorization": token and f"Bearer {token}", "Origin": ORIGIN},
                timeout=30,
            )
        challenge = answer.headers.get("WWW-Authenticate", "")
        error = re.search(r'error="(\w+)"', challenge)
        may_read = answer.headers.get("Access-Control-Allow-Origin") == ORIGIN
        words = (
            str(answer.status_code),
            error[1] if error else challenge.partition(" ")[0].lower(),
            "cors" if may_read else "",
        )
        return " ".join(filter(None, words))

    def _connect(self, url: str, _request: str, token: str | None) -> str:
        """Open a WebSocket, as a browser does; the subprotocol, if one was agreed on."""
        address = urlsplit(url)
        place = (str(address.hostname), address.port or 0)
        offered = ["bearer", token] if token else []
        with socket.create_connection(place, timeout=30) as connection:
            client = WSConnection(ConnectionType.CLIENT)
            target = Request(host=address.netloc, target=address.path, subprotocols=offered)
            connection.sendall(client.send(target))
            while received := connection.recv(65536):
                client.receive_data(received)
                for event in client.events():
                    if isinstance(event, AcceptConnection):
                        return f"101 {event.subprotocol}"
                    if isinstance(event, RejectConnection):
                        return str(event.status_code)
        return "closed"


@contextmanager
def running_examples() -> Iterator[Stacks]:
    """All of them on one emulator, with one pool: that of examples/existing-pool."""
    process = local_emulator._PROCESS
    local_emulator._PROCESS = Path(__file__).with_name("wider_emulator.py")
    try:
        with running_emulator() as emulator:
            emulator.client("s3").create_bucket(Bucket=BUCKET)
            maker = Maker(emulator)
            tokens = {name: maker.token_of(name) for name in GROUPS}
            yield Stacks(emulator=emulator, urls=maker.make(), tokens={**tokens, "garbage": "x"})
    finally:
        local_emulator._PROCESS = process


class Maker:
    """Makes the stacks, and the people."""

    def __init__(self, emulator: Emulator) -> None:
        """Make the pool, of which all other stacks are told."""
        self._emulator = emulator
        pool = load_template(EXAMPLES / "existing-pool" / "pool.yaml")
        outputs = create_stack(pool, emulator, "users", {})
        self._pool, self._client = outputs["UserPoolId"], outputs["UserPoolClientId"]
        emulator.cognito.create_group(UserPoolId=self._pool, GroupName="member")
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder, "package")
            fill(package, None, None)
            with zipfile.ZipFile(io.BytesIO(functions.zipped())) as own:
                self._own = {name: own.read(name) for name in own.namelist()}
            # With middleware, which the authorizers' own packages do without.
            self._package = {
                str(file.relative_to(package)): file.read_bytes()
                for file in package.rglob("*")
                if file.is_file()
            }

    def token_of(self, name: str) -> str:
        """Enrol somebody with an authenticator app, and sign them in."""
        deployment = Deployment(
            emulator=self._emulator,
            base_url="",
            user_pool_id=self._pool,
            client_id=self._client,
            machine_client_id="",
            authorizer_function="",
        )
        person = users.enrol(deployment, Person(name=name, groups=GROUPS[name]))
        return users.sign_in(self._emulator, self._client, person).access

    def make(self) -> dict[str, str]:
        """Make them all; the addresses at which they answer here, by the names in SCENARIOS."""
        pool = {"UserPoolId": self._pool, "ClientId": self._client}
        pools = {"UserPoolId": self._pool, "ClientIds": self._client}
        url = self._emulator.url
        apis = f"{url}/_aws/execute-api"
        found: dict[str, str] = {}
        for name, value in {"existing-pool": "", **ways_to_name_the_pool()}.items():
            stack = re.sub(r"\W+", "-", name)
            self._make("existing-pool", {}, stack=stack, pools=value)
            found[name] = f"{apis}/{resource(self._emulator, stack, 'Api')}"
        self._make("rest-api-waf", pool)
        rest = resource(self._emulator, "rest-api-waf", "Api")
        self._protect(f"arn:aws:apigateway:{REGION}::/restapis/{rest}/stages/prod")
        found["rest-api-waf"] = f"{apis}/{rest}/prod"
        self._make("websocket", pool)
        chat = resource(self._emulator, "websocket", "Api")
        found["websocket"] = f"{apis.replace('http', 'ws')}/{chat}/prod"
        behind = self._make("function-url", pools)["Url"]
        found["function-url"] = f"{url}/_aws/lambda-url/{behind[8:].partition('.')[0]}"
        self._make("alb", {**pools, **self._network()})
        self._register(
            *(resource(self._emulator, "alb", one) for one in ("Orders", "OrdersFunction"))
        )
        balancer = resource(self._emulator, "alb", "LoadBalancer")
        found["alb"] = f"{url}/_alb/{balancer.split('/')[-2]}"
        return found

    def _make(
        self, example: str, parameters: Mapping[str, str], *, stack: str = "", pools: str = ""
    ) -> dict[str, str]:
        """A stack of an example's template, with the code that the template's README makes."""
        template = load_template(EXAMPLES / example / "template.yaml")
        for name, made in self._code(example).items():
            kind = template["Resources"][name]
            where = "ContentUri" if kind["Type"].endswith("LayerVersion") else "CodeUri"
            kind["Properties"][where] = {"Bucket": BUCKET, "Key": f"{example}-{name}"}
            self._emulator.client("s3").put_object(
                Bucket=BUCKET, Key=f"{example}-{name}", Body=zipped(made)
            )
            if name == "RbacFunction":
                with_own_runtime(kind["Properties"])
        translated = transformed(template, parameters)
        resources = written_out(explicit_apis(translated["Resources"]))
        for one in resources.values():
            variables = one.get("Properties", {}).get("Environment", {}).get("Variables", {})
            if "AUTHORIZER_USER_POOLS" in variables:
                keys = f"{self._pool}={self._emulator.jwks_url(self._pool)}"
                variables["AUTHORIZER_JWKS_URLS"] = keys
                variables["AUTHORIZER_USER_POOLS"] = (
                    yaml_parse(pools) if pools else variables["AUTHORIZER_USER_POOLS"]
                )
        return create_stack(
            {**translated, "Resources": resources}, self._emulator, stack or example, parameters
        )

    def _code(self, example: str) -> dict[str, dict[str, bytes]]:
        """By function or layer, its files."""
        folder = EXAMPLES / example
        if example in {"alb", "function-url"}:
            policy = {"policy.json": load_document(folder / "policy.yaml")[0]}
            (handler,) = folder.rglob("handler.py")
            orders = {**policy, "handler.py": handler.read_bytes()}
            if example == "alb":
                # What its requirements.txt brings is found in the environment of the emulator.
                return {"OrdersFunction": orders}
            layer = {f"python/{name}": content for name, content in self._package.items()}
            return {"OrdersFunction": orders, "Verifier": layer}
        routes = known_routes(read_template(folder / "template.yaml"), None)
        compiled = load_document(folder / "policy.yaml", routes)[0]
        return {"RbacFunction": {**self._package, **self._own, "policy.json": compiled}}

    def _protect(self, stage: str) -> None:
        """The web ACL's association, which CloudFormation does not make here."""
        firewall = self._emulator.client("wafv2")
        (web_acl,) = firewall.list_web_acls(Scope="REGIONAL")["WebACLs"]
        firewall.associate_web_acl(WebACLArn=web_acl["ARN"], ResourceArn=stage)

    def _register(self, group: str, function: str) -> None:
        """The load balancer's target, which CloudFormation does not register here."""
        told = self._emulator.client("lambda").get_function_configuration(FunctionName=function)
        self._emulator.client("elbv2").register_targets(
            TargetGroupArn=group, Targets=[{"Id": told["FunctionArn"]}]
        )

    def _network(self) -> dict[str, str]:
        """What the load balancer is told of: the account's own VPC, and a certificate."""
        network, certificates = (self._emulator.client(name) for name in ("ec2", "acm"))
        vpc = network.describe_vpcs()["Vpcs"][0]["VpcId"]
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        subnets = network.describe_subnets(Filters=of_vpc)["Subnets"]
        made = certificates.request_certificate(DomainName="orders.example.com")
        return {
            "VpcId": vpc,
            "SubnetIds": ",".join(subnet["SubnetId"] for subnet in subnets[:2]),
            "CertificateArn": made["CertificateArn"],
        }


def ways_to_name_the_pool() -> dict[str, str]:
    """The other ways of examples/existing-pool/README.md, as YAML: each below its heading."""
    readme = (EXAMPLES / "existing-pool" / "README.md").read_text("utf-8")
    found = re.findall(
        r"^## (.+)\n(?:(?!^##|^```).*\n)*```yaml\nAUTHORIZER_USER_POOLS: ([^`]+)```",
        readme,
        re.MULTILINE,
    )
    return {f"existing-pool, {heading.lower()}": value for heading, value in found}


def resource(emulator: Emulator, stack: str, name: str) -> str:
    """The physical id of a resource."""
    found = emulator.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=name
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def zipped(files: Mapping[str, bytes]) -> bytes:
    """As Lambda takes it; it goes no farther than this machine."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return archive.getvalue()


def written_out(resources: dict[str, Any]) -> dict[str, Any]:
    """Gateway responses of a REST API's body as resources; and no association of a web ACL.

    ministack reads none in a body, and does not know that type of resource.
    """
    found: dict[str, Any] = {}
    for name, one in resources.items():
        if one["Type"] == "AWS::WAFv2::WebACLAssociation":
            continue
        found[name] = one
        body = one.get("Properties", {}).get("Body", {})
        for kind, response in body.get("x-amazon-apigateway-gateway-responses", {}).items():
            found[f"{name}{kind.replace('_', '')}"] = {
                "Type": "AWS::ApiGateway::GatewayResponse",
                "Properties": {
                    "RestApiId": {"Ref": name},
                    "ResponseType": kind,
                    "ResponseParameters": response.get("responseParameters", {}),
                    **({"StatusCode": code} if (code := response.get("statusCode")) else {}),
                },
            }
    # A deployment has those that are there when it is made.
    before = [name for name, one in found.items() if one["Type"].endswith("GatewayResponse")]
    for one in found.values():
        if one["Type"] == "AWS::ApiGateway::Deployment":
            one["DependsOn"] = before
    return found


def main() -> None:
    """Print who got what; 1 where that is not as it must be."""
    table = Table("example", "request", "who", "answered", "expected", box=box.SIMPLE_HEAD)
    is_right = True
    with running_examples() as stacks:
        for example in SCENARIOS:
            for one in stacks.play(example):
                is_one_right = one.answered == one.expected
                is_right &= is_one_right
                table.add_row(
                    *(one.example, one.request, one.who, one.answered, one.expected),
                    style="" if is_one_right else "bold red",
                )
    console().print(table)
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
