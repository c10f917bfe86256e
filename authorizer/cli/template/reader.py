"""Reading a template: what kind of document it is, its resources, and who reads which of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from authorizer.cli.location import FileError, Location
from authorizer.cli.template import openapi
from authorizer.cli.template.cloudformation import read_cloudformation
from authorizer.cli.template.cognito import read_cognito
from authorizer.cli.template.deployments import in_every_deployment
from authorizer.cli.template.doors import read_doors
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Cause,
    Elsewhere,
    HiddenRoutes,
    Missing,
    Template,
    Unknown,
    in_order,
)
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    UndecidedError,
    Unresolvable,
    child,
    known,
    or_unknown,
    pattern_of,
    repetitions,
)
from authorizer.cli.template.parameters import Choices, Verdict
from authorizer.cli.template.reading import Reading, Resource
from authorizer.cli.template.sam import IMPLICIT, read_sam
from authorizer.cli.template.stacks import Key, Stack, together
from authorizer.cli.template.stages import read_stages
from authorizer.cli.template.terraform import FORGOTTEN, as_template, is_plan
from authorizer.cli.text import unreadable
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Transforms that add no routes, or that are worked out here.
_HARMLESS = (
    *("AWS::Serverless-2016-10-31", "AWS::Include", "AWS::SecretsManager"),
    *("AWS::CodeDeployBlueGreen", "AWS::LanguageExtensions"),
)
# What the Serverless Framework makes of its own file.
_SERVERLESS = ".serverless/cloudformation-template-update-stack.json"
# Stacks within stacks within stacks; more is a circle.
_DEEPEST = 5
_NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
_PROVIDER = "of the provider awscc nothing is read"
# Types of resources that are not read, which fact is missing then, and why.
_UNREAD = (
    (".*::MODULE", HiddenRoutes, "what the module {} adds", "it is registered in the account"),
    ("awscc_apigateway.*", HiddenRoutes, "what {} adds", _PROVIDER),
    ("awscc_(?!apigateway).*", str, "what {} is", _PROVIDER),
    ("aws_cloudformation_stack", HiddenRoutes, "what {} adds", "its template is not read"),
    (FORGOTTEN, HiddenRoutes, "what {} is", "the plan forgets it: it stays as it is deployed"),
)


def read_template(path: Path, *, name: str | None = None) -> Template:
    """Read a SAM or CloudFormation template, an OpenAPI definition alone, or a Terraform plan.

    Args:
        path: of the file. Files that it includes are looked for beside it.
        name: of the file in places and messages; by default the path.

    Raises:
        FileError: if it cannot be read, or is no template at all.
    """
    file = name or str(path)
    return _parsed(read_document(path, file), file, path.parent)


def read_document(path: Path, file: str) -> Node:
    """What is in a template's file; of a plan the template that makes the same.

    Raises:
        FileError: if it cannot be read, or is what a template or a plan is made of.
    """
    try:
        data = read_source(path)
    except OSError as error:
        raise FileError(file, unreadable(path, error)) from error
    if path.suffix == ".tf" or data.startswith(b"PK"):
        message = "expected JSON that 'terraform show -json PLAN' writes, found what it is made of"
        raise FileError(file, message)
    return _document(data, file)


def _document(data: bytes, file: str) -> Node:
    root = compose(data, file, TEMPLATE)
    return as_template(root) if is_plan(root) else root


def parse_template(data: bytes, file: str, *, folder: Path | None = None) -> Template:
    """Read a template from its bytes.

    Args:
        data: the file's content.
        file: its name in places and messages.
        folder: where the files are that it includes; without one, what they say is unresolved.

    Raises:
        FileError: if it is no template at all.
    """
    return _parsed(_document(data, file), file, folder)


def _parsed(root: Node, file: str, folder: Path | None) -> Template:
    try:
        found = in_every_deployment(
            lambda choices: together(_stack(root, file, folder, choices).all())
        )
    except RecursionError as error:
        message = "expected a template, found definitions that depend on one another without end"
        raise FileError(root.location, message) from error
    return replace(found, unresolved=in_order((*found.unresolved, *repetitions(root))))


def _stack(
    root: Node,
    file: str,
    folder: Path | None,
    choices: Choices,
    *,
    prefix: str = "",
    given: dict[str, Node] | None = None,
) -> Stack:
    """Read a template and those that are nested in it."""
    if not isinstance(root, Mapping):
        raise _no_template(root.location, "found no mapping")
    reading = Reading(root, folder, choices, given)
    if "Resources" in root.entries:
        read_resources(reading, root)
    elif {"openapi", "swagger"} & root.entries.keys():
        _read_definition(reading, root)
    else:
        found = ", ".join(clip(name, 30) for name in list(root.entries)[:3]) or "an empty mapping"
        if {"service", "provider"} <= root.entries.keys():
            found = f"a serverless.yml: run 'serverless package', and give {_SERVERLESS}"
        raise _no_template(root.location, f"found {found}")
    nested = _nested_stacks(reading, folder, prefix)
    template = _facts(reading, file)
    outputs, exports = _outputs(reading, root)
    stack = Stack(
        template=template,
        prefix=prefix,
        api_prefix=prefix,
        outputs=outputs,
        exports=exports,
        nested=nested,
        choices=choices,
    )
    for inner in nested.values():
        inner.above = stack
    return stack


def _facts(reading: Reading, file: str) -> Template:
    drafts = sorted(reading.drafts.values(), key=lambda draft: draft.location)
    return replace(
        read_cognito(reading, file),
        apis=tuple(drafts),
        doors=read_doors(reading),
        unresolved=in_order((*reading.unresolved, *reading.repeated)),
        constructs=reading.constructs,
    )


def _outputs(reading: Reading, root: Mapping) -> tuple[dict[str, Key], dict[str, Key]]:
    """Where outputs are, by their names and by those of their exports."""
    reading.choices.is_watching = False
    written = reading.get(root, "Outputs")
    found = [
        (name, key, pattern_of(reading.get(reading.get(node, "Export"), "Name")))
        for name, _, node in (written if isinstance(written, Mapping) else ())
        if (key := _key_of(reading.get(node, "Value"))) is not None
    ]
    reading.choices.is_watching = True
    exports = {exported: key for _, key, exported in found if exported is not None}
    return {name: key for name, key, _ in found}, exports


def _key_of(node: Node) -> Key | None:
    """Where what a value names is."""
    if isinstance(node, Reference):
        return ("resource", node.id, *([node.attribute] if node.attribute else ()))
    why = getattr(node, "why", None)
    return why.key if isinstance(why, Elsewhere) else None


# --- nested stacks ---


def _nested_stacks(reading: Reading, folder: Path | None, prefix: str) -> dict[str, Stack]:
    """The stacks of local templates, each read with the parameters that it is given."""
    found: dict[str, Stack] = {}
    for resource in reading.of_type(*_NESTED):
        written = reading.get(resource.properties, "Parameters")
        handed = written.entries if isinstance(written, Mapping) else {}
        given = {name: _handed(reading, node) for name, node in handed.items()}
        stack = _nested_stack(reading, resource, folder, f"{prefix}{resource.id}.", given)
        if isinstance(stack, Stack):
            found[resource.id] = stack
            _offer_above(reading, stack, handed)
        else:
            # Whoever is given an API's id may add routes to it.
            branches = (reading.branches(node)[0] for node in handed.values())
            names = {getattr(value, "id", None) for values in branches for value in values}
            drafts = [draft for name, draft in reading.drafts.items() if name in names]
            what = f"the resources of {resource.id}"
            reading.hide(resource.location, what, stack.why, *drafts)
            reading.stacks_elsewhere.append(resource)
    return found


def _offer_above(reading: Reading, stack: Stack, handed: dict[str, Node]) -> None:
    """Take note of what a nested stack could be given instead, and what makes it be given that."""
    for name, texts in stack.choices.others.items():
        written = handed.get(name)
        text = f"${{{name}}}" if name.startswith("AWS::") else ""
        if isinstance(written, Call) and isinstance(written.argument, Text):
            inner = written.argument.text
            text = {"Ref": f"${{{inner}}}", "Fn::Sub": inner}.get(written.name, "")
        parts = re.fullmatch(r"([^${}]*)\$\{([^!${}]+)\}([^${}]*)", text)
        if parts is not None:
            before, above, after = parts.groups()
            fitting = [text for text in texts if text.startswith(before) and text.endswith(after)]
            values = [one[len(before) : len(one) - len(after)] for one in fitting]
            reading.parameters.compare(above.strip(), values)


@or_unknown
def _nested_stack(
    reading: Reading, resource: Resource, folder: Path | None, prefix: str, given: dict[str, Node]
) -> Stack:
    """A nested stack, if its template is at hand."""
    is_of_sam = resource.type == "AWS::Serverless::Application"
    uri = reading.get(resource.properties, "Location" if is_of_sam else "TemplateURL")
    root = reading.file(uri, uri.location) if isinstance(uri, Text) else None
    if folder is None or not isinstance(root, Mapping) or prefix.count(".") > _DEEPEST:
        raise UndecidedError("a nested stack has a template of its own: check that, too")
    chosen = reading.choices.chosen.items()
    choices = Choices({name: text for name, text in chosen if name.startswith("AWS::")})
    inside = (folder / getattr(uri, "text", "")).parent
    try:
        return _stack(root, root.location.file, inside, choices, prefix=prefix, given=given)
    except ConfigurationError as error:
        raise UndecidedError(error.problems[0]) from error


def _handed(reading: Reading, node: Node) -> Node:
    """What a stack gives to one that is nested in it: a text, or where it is."""
    value = reading.resolve(node)
    key = _key_of(value)
    if key is not None:
        return Unresolvable(value.location, Elsewhere("it is in the stack above", ("up", *key)))
    is_told = isinstance(value, Text | Unresolvable)
    return value if is_told else Unresolvable(value.location, "it is known only when deployed")


# --- what stands in a template ---


def _no_template(location: Location, found: str) -> FileError:
    expected = "expected a template with Resources, an OpenAPI definition or a Terraform plan"
    return FileError(location, f"{expected}, {found}")


def _read_definition(reading: Reading, root: Mapping) -> None:
    """Read an OpenAPI definition that stands alone, such as one that Terraform deploys."""
    draft = Api(id="OpenApi", kind=ApiKind.REST, location=root.location, stands_alone=True)
    with reading.hiding(root.location, "whether this is an HTTP or a REST API"):
        draft.kind = known(openapi.kind_of(reading, root))
    openapi.read_routes(reading, draft, root)
    reading.drafts[draft.id] = draft


def read_resources(reading: Reading, root: Mapping) -> None:
    """Read all resources of a template, with what Globals give them."""
    resources = reading.resolve(root.entries["Resources"])
    if isinstance(resources, Unresolvable):
        resources = Mapping(resources.location, {}, {}, resources.why)
    if not isinstance(resources, Mapping):
        raise _no_template(resources.location, "found Resources that are no mapping")
    reading.names |= resources.entries.keys() | IMPLICIT.keys()
    globals_ = reading.get(root, "Globals")
    for name, _, node in globals_ if isinstance(globals_, Mapping) else ():
        reading.common[f"AWS::Serverless::{name}"] = node
    for resource in _resources(reading, resources):
        reading.resources[resource.id] = resource
        if resource.type in _NESTED:
            reading.stacks.add(resource.id)
    read_sam(reading)
    read_cloudformation(reading)
    read_stages(reading)
    _note_what_may_be_missing(reading, root, resources)


def _resources(reading: Reading, resources: Mapping) -> Iterator[Resource]:
    """The resources that can exist."""
    for name, location, node in resources:
        body = reading.resolve(node)
        kind = reading.text(reading.get(body, "Type"))
        condition = child(body, "Condition")
        verdict = Verdict(value=True, why=None)
        if isinstance(condition, Text) and isinstance(kind, str):
            verdict = reading.conditions.verdict(condition.text)
        if name.startswith("Fn::") or (verdict.value is False and verdict.why is None):
            continue
        if isinstance(kind, str):
            own = reading.as_cdk_wrote(location, body, _with_globals(reading, body, kind))
            yield Resource(
                id=name, location=location, type=kind, properties=own, depends_on=verdict.why
            )
        else:
            why = kind.why if isinstance(kind, Unknown) else "it has no type"
            reading.note(location, f"what {name} is", why)


def _note_what_may_be_missing(reading: Reading, root: Mapping, resources: Mapping) -> None:
    """Macros and loops may add routes, so that no API is complete beside them."""
    missing: list[tuple[Location, Missing, Cause]] = [
        (location, HiddenRoutes("what a loop adds"), f"{name} is decided only when deployed")
        for name, location, _ in resources
        if name.startswith("Fn::")
    ]
    missing += [
        (resource.location, fact(what.format(resource.id)), reason)
        for resource in reading.resources.values()
        for kind, fact, what, reason in _UNREAD
        if re.fullmatch(kind, resource.type)
    ]
    if resources.open is not None:
        missing.append(
            (resources.location, HiddenRoutes("which resources there are"), resources.open)
        )
    written = reading.resolve(child(root, "Transform"))
    transforms = written.items if isinstance(written, Listing) else (written,)
    named = [
        reading.get(item, "Name") if isinstance(item, Mapping) else item for item in transforms
    ]
    missing += [
        (name.location, HiddenRoutes(f"what the macro {name.text} adds"), "it runs when deployed")
        for name in named
        if isinstance(name, Text) and not name.text.startswith(_HARMLESS)
    ]
    for location, missed, why in missing:
        drafts = reading.drafts.values() if isinstance(missed, HiddenRoutes) else ()
        reading.hide(location, missed, why, *drafts)


# --- Globals ---


def _with_globals(reading: Reading, body: Node, kind: str) -> Node:
    """A resource's properties."""
    properties = reading.resolve(child(body, "Properties"))
    common = reading.resolve(reading.common.get(kind, Absent(body.location)))
    written = reading.texts(child(body, "IgnoreGlobals"))
    ignored = () if isinstance(written, Unknown) else written
    if not isinstance(common, Mapping) or ignored == ("*",):
        return properties
    left = {name: value for name, _, value in common if name not in ignored}
    return _merged(replace(common, entries=left), properties)


def _merged(common: Node, own: Node) -> Node:
    """As SAM merges: mappings name by name, lists one after the other, else the resource's own."""
    match common, own:
        case _, Absent():
            return common
        case Listing(items=first), Listing(items=second):
            return Listing(own.location, first + second)
        case Mapping(), Mapping():
            merged = {  # but a list that SAM does not join to that of Globals
                name: value if name == "Architectures" else _merged(child(common, name), value)
                for name, _, value in own
            }
            entries, keys = common.entries | merged, common.keys | own.keys
            return Mapping(own.location, entries, keys, own.open or common.open)
        case _:
            return own
