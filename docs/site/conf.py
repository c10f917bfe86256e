"""The site of the pages: `make docs` builds it into build/docs.

The pages are Markdown that reads well where it lies, so nothing in them is for the site alone. What
it needs besides is added here as they are read: the order of pages, which is that of docs/README.md
itself, and a word on each block of commands that does not work everywhere.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PROJECT = Path(__file__).parents[2]
ABOUT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
INDEX = "docs/README"

project = "Cognito RBAC authorizer"
version = release = ABOUT["version"]
copyright = "its authors, MIT licence"  # noqa: A001 - Sphinx's name for it
html_title = f"{project} {version}"

extensions = ["myst_parser"]
root_doc = INDEX
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/findings/*.md",
    "examples/*/README.md",
    "events/README.md",
    "benchmarks/README.md",
]
exclude_patterns = ["docs/site"]
nitpicky = True
suppress_warnings = ["myst.header"]  # a page may leave a level of headings out
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to-index.html"}
templates_path = ["templates"]
html_show_sourcelink = html_copy_source = False
pygments_style, pygments_dark_style = "friendly", "github-dark"
linkcheck_ignore = [r"https://example\.com/"]  # what pyproject.toml says of the repository

# As tests/cli/test_commands_in_pages.py has them.
NEEDS = {
    "aws": "needs an AWS account",
    "docker": "needs a container engine",
    "project": "in a project of your own",
    "long": "takes some minutes",
}


def prepare(app: Sphinx, page: str, source: list[str]) -> None:
    """Add what the site needs to a page that was read."""
    file = Path(app.env.doc2path(page))
    source[0] = re.sub(r"\]\(([^)#:]+)\)", lambda link: folder_link(file, link), source[0])
    source[0] = re.sub(
        r"^( *)```(sh|console) (\S+)$",
        lambda fence: (
            f"{fence[1]}```{{code-block}} {fence[2]}"
            + (f"\n{fence[1]}:caption: {NEEDS[fence[3]]}\n" if fence[3] in NEEDS else "")
        ),
        source[0],
        flags=re.MULTILINE,
    )
    if page == INDEX:
        source[0] += "".join(trees(source[0]))
    elif page == "docs/findings/README":
        findings = (PROJECT / "docs/findings").glob("[!R]*.md")
        source[0] += tree(sorted(path.stem for path in findings))


def trees(index: str) -> list[str]:
    """The order of pages: below each heading of the index, what its lines link to first."""
    made = []
    for section in index.split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        linked = re.findall(r"^- \[[^]]+\]\(([^)#]+)\.md\)", text, re.MULTILINE)
        made.append(tree(linked, heading))
    return made


def tree(pages: list[str], caption: str = "") -> str:
    """A table of contents that only the site's navigation shows."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else []), ""]
    return "\n".join(["\n", "```{toctree}", *options, *pages, "```", ""])


def folder_link(page: Path, link: re.Match[str]) -> str:
    """Have a link to a folder lead to its page; or to the repository, where it has none."""
    folder = (page.parent / link[1]).resolve()
    if not folder.is_dir():
        return link[0]
    if (folder / "README.md").exists():
        return f"]({link[1].rstrip('/')}/README.md)"
    return f"]({ABOUT['urls']['Source']}/tree/main/{folder.relative_to(PROJECT)})"


def tell_language(
    _app: Sphinx, page: str, _template: str, context: dict[str, object], _tree: object
) -> None:
    """Have a page say in which language it is: a reader that speaks it wants to know."""
    context["language"] = "zh-Hant-TW" if page.endswith(".zh-TW") else "en"


def setup(app: Sphinx) -> None:
    """Take part in the making of pages."""
    app.connect("html-page-context", tell_language)
    app.connect("source-read", prepare)
