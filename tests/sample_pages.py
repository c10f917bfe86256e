"""The pages that reports are written as, of the samples that the documents show."""

from __future__ import annotations

import re
import shutil
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
_COMMANDS = {
    "matrix": ("matrix", "--template", "template.yaml"),
    "diff": ("diff", "old.yaml", "new.yaml"),
    "test": ("test", "example.policy-test.yaml", "--template", "template.yaml"),
}


def write_pages(folder: Path) -> Mapping[str, Path]:
    """Each page in a file, by the command that writes it."""
    for name in ("policy.yaml", "template.yaml"):
        shutil.copy(ROOT / name, folder)
    for name in ("diff", "test"):
        document = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for file, text in re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", document, re.DOTALL):
            (folder / file).write_text(f"# {file}\n{text}", encoding="utf-8")
    pages = {name: folder / f"{name}.html" for name in _COMMANDS}
    with chdir(folder):
        for name, command in _COMMANDS.items():
            result = CliRunner().invoke(cli, [*command, "--html", str(pages[name])])
            assert pages[name].exists(), result.output
    return pages
