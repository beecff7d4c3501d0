"""What numba keeps on the disk is never older than what it was compiled of.

numba compiles a kept function (``cache=True``) again when its own file changes, but not when a
function in another file does that it calls. So a kept function calls its own file's alone, or it
closes over a checksum of the others: ``engines.body.inner.sources``.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ENGINES = Path(__file__).parent.parent / "engines"
FILES = [path for path in sorted(ENGINES.rglob("*.py")) if "cache=True" in path.read_text("utf-8")]


def borrowed(tree: ast.Module) -> dict[str, set[str]]:
    """For each kept function that closes over no version: what it calls of other files of ours."""
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engines")
        for alias in node.names
    }
    versioned = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef) and "version" in [a.arg for a in outer.args.args]
        for inner in ast.walk(outer)
        if any(isinstance(n, ast.Name) and n.id == "version" for n in ast.walk(inner))
    }
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node in versioned:
            continue
        if any("cache=True" in ast.unparse(decorator) for decorator in node.decorator_list):
            calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
            found[node.name] = {f.id for f in calls if isinstance(f, ast.Name)} & ours
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ENGINES).as_posix())
def test_a_kept_function_calls_nothing_that_it_would_outlive(path: Path) -> None:
    found = borrowed(ast.parse(path.read_text("utf-8")))
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_a_call_into_another_file_is_found() -> None:
    told = """
from engines.one import other
@numba.njit(cache=True)
def kept(x):
    return other(x)
@numba.njit
def compiled_each_time(x):
    return other(x)
def _compiled(version):
    @numba.njit(cache=True)
    def versioned(x):
        other(x)
        return version
    return versioned
"""
    assert borrowed(ast.parse(told)) == {"kept": {"other"}}
    assert borrowed(ast.parse(told.replace("return version\n", "return 1\n")))["versioned"]
