"""A digest of what a stage's code does, so that a changed helper reruns what uses it."""

import ast
import functools
import hashlib
from pathlib import Path

from unburn.files import sha256

PACKAGE = Path(__file__).parent
RESOURCES = PACKAGE.parents[1] / "resources"
TEMPLATES = PACKAGE.parent / "report"


@functools.cache
def _parse(module: str) -> tuple[str, tuple[str, ...]]:
    """The dumped syntax tree of a module without docstrings, and the package modules it imports."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
        if isinstance(node, ast.ImportFrom) and node.module == "unburn":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unburn."):
            names.add(str(node.module).split(".")[1])
    inside = tuple(sorted(name for name in names if (PACKAGE / f"{name}.py").is_file()))
    return ast.dump(tree), inside


@functools.cache
def code_digest(module: str) -> str:
    """Hash of the parsed code of ``unburn/<module>.py`` and of the package modules it imports.

    Comments, docstrings and formatting do not change it. 16 hex digits.
    """
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_parse(name)[1])
    text = "\n".join(_parse(name)[0] for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def data_digest(*names: str) -> str:
    """Hash of files below ``resources/`` that a stage reads: its word lists and tables."""
    return "-".join(sha256(RESOURCES / name)[:16] for name in names)


@functools.cache
def pages_digest() -> str:
    """Hash of what pages are made of beside code: templates, style, script. 16 hex digits."""
    files = sorted(file for file in TEMPLATES.rglob("*") if file.is_file())
    text = "".join(f"{file.relative_to(TEMPLATES)} {sha256(file)}\n" for file in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
