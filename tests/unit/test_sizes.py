"""The sizes of the command line: what may only become less."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / "authorizer" / "cli").rglob("*.py"))
# Whoever makes these smaller lowers them; nobody raises them.
MOST_STATEMENTS = 11_934
MOST_MODULES = 115
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_NESTED = 400, 40, 4
LONG_MODULES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()
DEEP_FUNCTIONS: frozenset[str] = frozenset()
_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def test_there_is_no_more_of_it() -> None:
    """Statements without docstrings, and modules with any."""
    counts = [_statements(ast.parse(path.read_bytes())) for path in TOOLS]
    assert sum(counts) <= MOST_STATEMENTS
    assert sum(count > 0 for count in counts) <= MOST_MODULES


def test_a_module_can_be_read_in_one_go() -> None:
    """Four hundred lines, and not one more."""
    long = {_name(path) for path in TOOLS if len(path.read_text().splitlines()) > MOST_LINES}
    assert long <= LONG_MODULES


def test_a_function_fits_on_a_screen() -> None:
    """Its lines, docstring and all, and what is nested in what."""
    lines = {
        f"{_name(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path, function in _functions()
    }
    assert {name for name, most in lines.items() if most > MOST_LINES_OF_A_FUNCTION} <= (
        LONG_FUNCTIONS
    )
    nested = {f"{_name(path)}:{function.name}": _depth(function) for path, function in _functions()}
    assert {name for name, depth in nested.items() if depth > MOST_NESTED} <= DEEP_FUNCTIONS


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "authorizer" / "cli").as_posix()


def _statements(tree: ast.AST) -> int:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return sum(
        not (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        )
        for node in found
    )


@cache
def _functions() -> list[tuple[Path, ast.FunctionDef]]:
    return [
        (path, node)
        for path in TOOLS
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef)
    ]


def _depth(node: ast.AST) -> int:
    """How many blocks stand in one another; ``elif`` stands beside its ``if``."""
    inner = [
        (_depth(child), isinstance(node, ast.If) and node.orelse == [child])
        for child in ast.iter_child_nodes(node)
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda)
    ]
    own = isinstance(node, _BLOCKS)
    return max((depth + (own and not is_elif) for depth, is_elif in inner), default=int(own))
