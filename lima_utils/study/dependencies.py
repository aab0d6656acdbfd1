"""Which modules of ours a notebook depends on, found by reading import statements and never by importing.

Changing a module makes exactly those notebooks stale that reach it through imports, or that start it as a program
(a string such as ``"lima_utils.tuning"`` in a code cell counts as ``python -m lima_utils.tuning``).
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from lima_utils.errors import StudyError
from lima_utils.study.notebooks import code_cells

PACKAGE = "lima_utils"
# A notebook reaches these through the sentences about missing inputs and the profile it opens. Neither shapes a result:
# settings are compared by value, and who waits for whom is the graph's own affair.
BOUNDARY = frozenset(f"{PACKAGE}.study.{name}" for name in ("profiles", "contents", "order", "workspace", "paths"))
_MODULE = re.compile(rf"{PACKAGE}(\.\w+)+")


def notebook_modules(notebook: Path, root: Path) -> dict[str, Path]:
    """Return the modules of ours, by dotted name, that the code cells of `notebook` reach; files lie below `root`."""
    found: dict[str, Path] = {}
    waiting = sorted(_names_in(_parse_notebook(notebook), PACKAGE, root, programs=True))
    while waiting:
        name = waiting.pop()
        if name in found or name in BOUNDARY:
            continue
        path = _module_file(name, root)
        if path is None:
            if root.joinpath(*name.split(".")).is_dir():
                continue
            raise StudyError(f"{notebook}: imports {name}, and there is no such module below {root / PACKAGE}.")
        found[name] = path
        waiting += sorted(_names_in(_parse(path), name if path.name == "__init__.py" else _parent(name), root))
    return dict(sorted(found.items()))


def code_digest(path: Path) -> str:
    """Return a digest of a module's meaning: comments, layout and docstrings do not count."""
    tree = _parse(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _names_in(tree: ast.AST, package: str, root: Path, programs: bool = False) -> Iterator[str]:
    """Yield the modules of ours that `tree` (code inside `package`) names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from _with_parents(base)
            if base.split(".")[0] == PACKAGE:
                names = (f"{base}.{alias.name}" for alias in node.names)
                yield from (name for name in names if _module_file(name, root))
        elif programs and (name := _program(node, root)):
            yield from _with_parents(name)
            if _module_file(f"{name}.__main__", root):
                yield f"{name}.__main__"


def _program(node: ast.AST, root: Path) -> str | None:
    """Return the module that a string constant names, if it does."""
    text = node.value if isinstance(node, ast.Constant) else None
    named = isinstance(text, str) and _MODULE.fullmatch(text) and _module_file(text, root)
    return text if isinstance(text, str) and named else None


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    if parts[0] == PACKAGE:
        yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _module_file(name: str, root: Path) -> Path | None:
    stem = root.joinpath(*name.split("."))
    candidates = (stem / "__init__.py", stem.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parse_notebook(notebook: Path) -> ast.AST:
    return _parse_text("\n".join(code_cells(notebook)), notebook)


def _parse(path: Path) -> ast.AST:
    return _parse_text(path.read_text(encoding="utf-8"), path)


def _parse_text(text: str, path: Path) -> ast.AST:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise StudyError(f"{path}: not valid Python (line {error.lineno}: {error.msg}).") from error
