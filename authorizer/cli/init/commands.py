"""``authorizer init``: from a template to a policy, its tests, and what the template needs.

The policy has every route of the API once, each as a line in a comment, and nobody may use any yet.
A person moves it to the group that may use it; nothing is granted, nor declared public, because of
what a template happens to say today.
"""

from __future__ import annotations

import re
import shlex
from difflib import unified_diff
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.analysis.named_policy import load_policy
from authorizer.cli.analysis.protection import DecidedBy, protections_of
from authorizer.cli.options import FILE, POLICY, api_option, one_file, write_file
from authorizer.cli.policy_file.grammar import RuleSyntaxError, pattern_of
from authorizer.cli.template.model import ApiKind
from authorizer.cli.template.reader import read_template
from authorizer.cli.template.sam import IMPLICIT
from authorizer.cli.template.stacks import chosen_api
from authorizer.cli.text import counted, listed, plain, render
from authorizer.errors import ConfigurationError
from authorizer.policy.paths import split_route_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.template.model import Api, Template


# Where deployers keep what they deploy, the first that is there.
_USUAL = (
    *("template.yaml", "template.yml", "template.json"),
    ".serverless/cloudformation-template-update-stack.json",
    "cdk.out/*.template.json",
    *("openapi.yaml", "openapi.yml", "openapi.json"),
    *("swagger.yaml", "swagger.yml", "swagger.json"),
)
# What is made into a template first.
_SOURCES = {
    "cdk.json": "run 'cdk synth', which writes cdk.out, and then this again",
    "serverless.y*ml": "run 'serverless package', which writes .serverless, and then this again",
    "*.tf": "run 'terraform plan -out plan' and 'terraform show -json plan > plan.json', and then: "
    "authorizer init plan.json",
}
_NOTHING = (
    "expected a SAM or CloudFormation template, cdk.out, .serverless or an OpenAPI file here, "
    "found none: name the file"
)
_BY_FOLDER = {".serverless": "serverless", "cdk.out": "cdk"}
_OF_SAM = {ApiKind.HTTP: "HttpApi", ApiKind.REST: "Api", ApiKind.WEBSOCKET: "WebSocketApi"}

_GREEDY = re.compile(r"/\{[^{}/]+\+\}\Z")
# A line that is switched off: "# - GET /hello    # a remark".
_COMMENTED = re.compile(
    r"^[ \t]*#[ \t]*-[ \t]*(?P<rule>\S+ /\S*|\$connect)(?:[ \t]+#.*)?$", re.MULTILINE
)


@click.command()
@click.argument("template", type=FILE, default=Path())
@click.option(
    "template_file",
    *("--template", "-t"),
    type=FILE,
    metavar="FILE",
    help="The same as TEMPLATE.",
)
@api_option
@click.option(
    "--policy",
    type=FILE,
    metavar="FILE",
    default=POLICY,
    show_default=True,
    help="Where the policy is, or shall be.",
)
@click.option(
    "--update", is_flag=True, help="Add the routes that are new to the policy, after a question."
)
def init(
    *, template: Path, template_file: Path | None, api: str | None, policy: Path, update: bool
) -> None:
    """Begin a policy for the API of TEMPLATE, by default the one of the project in this folder.

    Lists the routes with who guards them now; writes a policy with every route once, in comments,
    and its tests; and prints what to paste into the template. No file that exists is changed. Where
    there is a policy already, it tells which routes are new in the template.
    """
    named = one_file(template, template_file, "template")
    path = _find_template(named) if named == Path() else named
    read = read_template(path)
    chosen = chosen_api(read, api)
    protections = tuple(protections_of(read, chosen))
    _print_routes(protections, path, chosen)
    if policy.exists():
        _tell_news(read, chosen, path, policy, update=update)
    else:
        _write_policy(protections, read, path, policy)
    if all(protection.decided_by is not DecidedBy.POLICY for protection in protections):
        _print_snippet(read, chosen, path, policy)


def _print_routes(protections: Sequence[RouteProtection], path: Path, api: Api) -> None:
    click.echo(
        f"{path}: {api.kind.upper()} API {plain(api.id)}, {counted(len(protections), 'route')}\n"
    )
    table = Table("route", "guarded now by", box=None, pad_edge=False, header_style="dim")
    for protection in protections:
        table.add_row(*map(Text, (plain(protection.route.key), plain(protection.in_words))))
    Console().print(table)
    if not api.is_complete:
        click.echo("and routes that only a deployment decides: 'authorizer check' says why")


def _write_policy(
    protections: Sequence[RouteProtection], template: Template, path: Path, policy: Path
) -> None:
    names = {group.name: None for group in template.groups if isinstance(group.name, str)}
    groups = tuple(names) or ("users",)
    written = {policy: starting_policy(protections, groups, path.name)}
    tests = policy.with_suffix(".policy-test.yaml")
    if not tests.exists():
        written[tests] = snippet(
            "tests",
            policy=policy.name,
            groups=groups,
            example=next((_example(one.route.key) for one in protections), "GET /hello"),
        )
    for file, text in written.items():
        write_file(file, text.encode())
    click.echo(
        f"\nwritten: {' and '.join(map(str, written))}. Nobody may do anything yet: say there who\n"
        f"may what, and then: authorizer check {policy} --template {path} --strict"
    )


def _tell_news(template: Template, api: Api, path: Path, policy: Path, *, update: bool) -> None:
    known, before = load_policy(policy), policy.read_text("utf-8")
    rules = missing_rules(known, template, api, before)
    if not rules:
        click.echo(f"\n{policy} is there, and knows every route of {path}")
        return
    click.echo(f"\n{policy} is there, and does not know {counted(len(rules), 'route')} of {path}:")
    after = with_rules(before, rules, path.name)
    click.echo(
        "\n".join(
            unified_diff(
                before.splitlines(), after.splitlines(), str(policy), str(policy), lineterm=""
            )
        )
    )
    if not update:
        click.echo("nothing is changed; --update adds these lines")
    elif click.confirm(f"add them to {policy}?"):
        write_file(policy, after.encode())


def _print_snippet(template: Template, api: Api, path: Path, policy: Path) -> None:
    owned = [*(pool.id for pool in template.pools), *(client.id for client in template.clients)]
    is_own = len(template.pools) == len(template.clients) == 1 and "." not in "".join(owned)
    deployer = _deployer_of(path, api)
    folder = path.parent.parent if path.parent.name in _BY_FOLDER else path.parent
    output = shlex.quote((folder / "rbac-function").as_posix())
    # A definition of its own is not SAM's to change.
    files = {route.location.file for route in api.routes} - {str(path)}
    definition = min(files, default=None) if deployer == "sam" else None
    for name, file in (
        (deployer, "the template"),
        *([("openapi", definition)] if definition else []),
    ):
        text = snippet(
            name,
            definition=definition,
            kind=api.kind.value,
            package=plain(
                f"authorizer package {shlex.join((str(policy), '-t', str(path)))} --output {output}"
            ),
            output=plain(output),
            api=plain(api.id),
            pool=owned[0] if is_own else None,
            client=owned[1] if is_own else None,
        )
        click.echo(f"\nwhat {file} needs besides:\n\n{text}")


def _find_template(folder: Path) -> Path:
    """The file that describes the project's API.

    Raises:
        ConfigurationError: there is none, or there are several that could be meant.
    """
    for pattern in _USUAL:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            found = [path for path in found if read_template(path).apis]
        if len(found) > 1:
            raise ConfigurationError(
                [f"expected to be told which template is meant: {listed([*map(str, found)])}"]
            )
        if found:
            return found[0]
    for pattern, advice in _SOURCES.items():
        for path in sorted(folder.glob(pattern)):
            raise ConfigurationError([f"{path}: expected what is made of it, found none: {advice}"])
    raise ConfigurationError([_NOTHING])


def _deployer_of(path: Path, api: Api) -> str:
    """Who deploys an API of a template: the name of a piece of template in ``snippets/``."""
    if api.stands_alone:
        return "openapi"
    text = path.read_text("utf-8", "replace")
    is_sam = api.id in IMPLICIT or f"AWS::Serverless::{_OF_SAM[api.kind]}" in text
    usual = "terraform" if '"terraform_version"' in text else "sam" if is_sam else "cloudformation"
    return _BY_FOLDER.get(path.absolute().parent.name, usual)


# --- the policy to begin with ---


def rule_for(route_key: str) -> str:
    """The line that a policy has for a route; its key, which is none, where no rule can name it."""
    return "ANY /**" if route_key == "$default" else _GREEDY.sub("/**", route_key)


def _example(route_key: str) -> str:
    """A request that takes a route; nothing of it may end the comment in which it stands."""
    example = re.sub(r"\AANY ", "GET ", rule_for(route_key))
    return plain(re.sub(r"\{[^{}/]*\}|\*\*", "7", example))


def starting_policy(
    protections: Iterable[RouteProtection], groups: Sequence[str], template: str
) -> str:
    """The text of a policy that has every route of an API in a comment.

    Args:
        protections: who guards each route now.
        groups: of the user pool; the first one gets the lines.
        template: its file's name.
    """
    lines: dict[bool, list[str]] = {False: [], True: []}
    for protection in protections:
        lines[protection.decided_by is DecidedBy.NOBODY].append(rule_for(protection.route.key))
    if not lines[False]:  # the project has no authorizer at all: being open says nothing
        lines = {False: lines[True], True: []}
    return snippet(
        "policy",
        template=plain(template),
        groups=groups,
        guarded=list(_commented(lines[False])),
        open=list(_commented(lines[True])),
    )


def snippet(name: str, **facts: object) -> str:
    """A text of ``snippets/``, filled in."""
    return render("init/snippets", f"{name}.txt", yaml=_quoted, **facts)


def missing_rules(policy: NamedPolicy, template: Template, api: Api, text: str) -> list[str]:
    """The lines for routes of an API that nobody may use, and that the file does not mention.

    Args:
        policy: that the file has.
        template: that has the API.
        api: whose routes are looked at.
        text: of the policy's file, with its comments.
    """
    analysis = TemplateAnalysis(policy, template)
    mentioned = {match["rule"] for match in _COMMENTED.finditer(text)}
    rules = (
        rule_for(protection.route.key)
        for protection in analysis.of(api).protections
        if not analysis.of(api).is_usable(protection) and not analysis.is_public(protection)
    )
    return [rule for rule in dict.fromkeys(rules) if rule not in mentioned]


def with_rules(text: str, rules: Sequence[str], template: str) -> str:
    """The text of a policy with lines for further routes at its end, in comments."""
    return "\n".join(
        (
            text.removesuffix("\n"),
            "",
            f"# New in {plain(template)}. Nobody may use these: move each to the group that may.",
            *_commented(rules),
            "",
        )
    )


def _commented(rules: Iterable[str]) -> Iterator[str]:
    """Each rule as a comment, those of one first segment together."""
    paths = {rule: split_route_key(rule)[::-1] for rule in rules}
    ordered = sorted(paths, key=paths.__getitem__)
    for segments, together in groupby(ordered, lambda rule: paths[rule][0].split("/")[:2]):
        # Nothing of a route may end its comment, and begin a rule.
        yield f"# {plain('/'.join(segments))}"
        yield from (f"# - {plain(rule)}{_remark(rule)}" for rule in together)


def _remark(rule: str) -> str:
    try:
        pattern_of(rule)
    except RuleSyntaxError:
        return "   # no rule can name this path: rename the route"
    return ""


def _quoted(name: str) -> str:
    """A name as YAML has it."""
    is_plain = re.fullmatch(r"[\w-]+", name) and yaml.safe_dump(name) == f"{name}\n...\n"
    return name if is_plain else yaml.safe_dump(name, default_style='"', width=2**20).strip()
