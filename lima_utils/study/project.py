"""The book project as its files describe it: `_quarto.yml` with `_chapters.yml` merged in, and its chapters' text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lima_utils.errors import StudyError
from lima_utils.study.cells import cell_markdown
from lima_utils.study.notebooks import read_notebook

PROJECT = Path("_quarto.yml")


@dataclass(frozen=True)
class Document:
    """One file of the book, in its order."""

    path: Path
    """Relative to the root."""
    appendix: bool
    text: str
    """Pandoc's Markdown, embeds not yet filled in."""


def read_project(root: Path) -> dict[str, Any]:
    """Return `_quarto.yml` with its `metadata-files` merged in: mappings merge, lists append, as Quarto does."""
    project = _read_yaml(root / PROJECT)
    for name in project.get("metadata-files", []):
        if (root / name).is_file():
            project = _merge(project, _read_yaml(root / name))
    return project


def read_documents(root: Path, project: dict[str, Any]) -> list[Document]:
    """Return the book's chapters and appendices; StudyError where a file is missing."""
    book = project.get("book", {})
    folded = bool(project.get("format", {}).get("html", {}).get("code-fold", False))
    listed = [(Path(name), False) for name in book.get("chapters", [])]
    listed += [(Path(name), True) for name in book.get("appendices", [])]
    return [Document(path, appendix, document_text(root, path, folded)) for path, appendix in listed]


def document_text(root: Path, path: Path, folded: bool) -> str:
    """Return a chapter's text as pandoc's Markdown."""
    if not (root / path).is_file():
        raise StudyError(f"{path}: listed as a chapter and missing; run `make book`.")
    if path.suffix != ".ipynb":
        return (root / path).read_text(encoding="utf-8")
    try:
        return "\n\n".join(cell_markdown(cell, folded) for cell in read_notebook(root / path).cells)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error


def _merge(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: _merge(one[key], value) if key in one else value for key, value in other.items()}}
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    return other


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise StudyError(f"{path}: cannot be read ({error}).") from error
    if not isinstance(values, dict):
        raise StudyError(f"{path}: expected keys and values.")
    return values
