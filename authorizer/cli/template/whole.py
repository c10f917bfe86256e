"""Whether a template is all there is, so that a name that nothing in it has is a mistake.

Macros, loops and includes may bring what a name stands for; SAM brings resources whose names begin
with those that they are made for, such as ``HelloRole`` for ``Hello``.
"""

from __future__ import annotations

from authorizer.cli.template.nodes import Absent, Listing, Mapping, Node, Text

# Transforms that bring no names, but for SAM's.
_KNOWN = ("AWS::Serverless-2016-10-31", "AWS::SecretsManager-", "AWS::CodeDeployBlueGreen")
_SECTIONS = ("Conditions", "Mappings", "Parameters", "Resources")
# SAM's own resources that are made for none of the template's.
_OF_SAM = ("Serverless", "CodeDeployServiceRole")


class Whole:
    """What a template tells about names that are not in it.

    Attributes:
        is_whole: whether nothing but SAM can add names.
    """

    def __init__(self, template: Mapping) -> None:
        """Take the template as it is written."""
        self._of_sam = (*_OF_SAM, *_resources_of_sam(template))
        self.is_whole = "Resources" in template.entries and not (
            _runs_macros(_entry(template, "Transform"))
            or any(name.startswith("Fn::") for name in template.entries)
            or any(_has_loops(_entry(template, name)) for name in _SECTIONS)
        )

    def may_be_added(self, name: str) -> bool:
        """Whether a resource of that name may come to be, although it is not written."""
        return not self.is_whole or any(
            name.startswith(known) and not name[len(known) :][:1].islower()
            for known in self._of_sam
        )


def _entry(mapping: Mapping, name: str) -> Node:
    return mapping.entries.get(name, Absent(mapping.place))


def _runs_macros(transform: Node) -> bool:
    items = transform.items if isinstance(transform, Listing) else (transform,)
    return not all(
        isinstance(item, Absent) or (isinstance(item, Text) and item.text.startswith(_KNOWN))
        for item in items
    )


def _has_loops(section: Node) -> bool:
    if not isinstance(section, Mapping):
        return not isinstance(section, Absent)
    return section.open is not None or any(name.startswith("Fn::") for name in section.entries)


def _resources_of_sam(template: Mapping) -> list[str]:
    resources = _entry(template, "Resources")
    names = []
    for name, _, body in resources if isinstance(resources, Mapping) else ():
        kind = _entry(body, "Type") if isinstance(body, Mapping) else body
        if isinstance(kind, Text) and kind.text.startswith("AWS::Serverless::"):
            names.append(name)
    return names
