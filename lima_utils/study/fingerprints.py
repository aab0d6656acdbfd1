"""What a step read and wrote, by content: the reason why it runs again or does not.

A *fingerprint* holds what a step reads from the repository: its notebook, our modules it reaches, its slice of the
profile, its data. Files are rewritten only when their content changes, so Snakemake's time stamps follow content.
A *receipt* is written last, when a step has done all else: fingerprint, digests of inputs and outputs.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lima_utils.errors import StudyError
from lima_utils.files import write_json
from lima_utils.study.cells import split_options
from lima_utils.study.chapters import Chapter, Step
from lima_utils.study.dependencies import code_digest, notebook_modules
from lima_utils.study.notebooks import read_notebook
from lima_utils.study.paths import RUNS, Paths
from lima_utils.study.profiles import Profile

# Checkpoints of large models take minutes to hash; beyond this size, size and time of change stand for the content.
WHOLE_DIGEST_BYTES = 256 * 2**20


def fingerprint_of(chapter: Chapter, profile: Profile, root: Path) -> dict[str, Any]:
    """Return what `chapter` reads from the repository at `root` under `profile`."""
    values = profile.model_dump(mode="json")
    if missing := sorted(set(chapter.settings) - set(values)):
        raise StudyError(f"chapter {chapter.stem}: the profile has no settings group {missing[0]!r}.")
    notebook = root / chapter.notebook
    groups = [getattr(profile, name) for name in chapter.settings]
    return {
        "notebook": _notebook_digest(notebook),
        "modules": {name: code_digest(path) for name, path in notebook_modules(notebook, root).items()},
        "settings": {name: values[name] for name in sorted(chapter.settings)},
        "data": {name: digest_of(root / name) for name in sorted({*chapter.data, *_files_named(groups, root)})},
    }


def _files_named(value: Any, root: Path) -> Iterator[str]:
    """Yield the files and folders that settings name, so that a user's new dump makes stale what reads it."""
    match value:
        case Path() if value.parts[:1] != RUNS.parts and (root / value).exists():
            yield str(value)  # what lies in runs/ was made by the steps before, and counts as their output
        case BaseModel():
            yield from _files_named([item for _, item in value], root)
        case dict():
            yield from _files_named([*value.values()], root)
        case list() | tuple():
            yield from (name for item in value for name in _files_named(item, root))


def refresh_fingerprint(chapter: Chapter, profile: Profile, paths: Paths, root: Path) -> Path:
    """Write the chapter's fingerprint if it changed, and return its file."""
    path = paths.fingerprints / f"{chapter.stem}.json"
    fingerprint = fingerprint_of(chapter, profile, root)
    if _read(path) != fingerprint:
        write_json(path, fingerprint)
    return path


def reading_of(step: Step, before: Iterable[Step], paths: Paths) -> dict[str, Any]:
    """Return what the step is about to read: its fingerprint and the digests of what the steps before have made."""
    return {
        "fingerprint": _read(paths.fingerprints / f"{step.chapter.stem}.json"),
        "inputs": inputs_of(before, paths),
    }


def receipt_of(step: Step, reading: dict[str, Any], paths: Paths) -> dict[str, Any]:
    """Return the receipt of a step that has ended, with `reading` from before it began (files may change meanwhile).

    StudyError names an output that it did not write.
    """
    for output in step.outputs(paths):
        if not output.exists():
            raise StudyError(f"{step.chapter.notebook}: it ended without writing {output}, which it should make.")
    return {**reading, "outputs": _existing(step, paths)}


def inputs_of(before: Iterable[Step], paths: Paths) -> dict[str, str]:
    """Return the digests of everything that the steps before have made; StudyError where one has not finished."""
    digests: dict[str, str] = {}
    for step in before:
        receipt = _read(step.receipt(paths))
        if receipt is None:
            raise StudyError(f"{step.receipt(paths)} is missing: run {step.chapter.notebook} (or `make book`) first.")
        digests |= receipt["outputs"]
    return digests


def same_as_before(earlier: dict[str, Any], step: Step, reading: dict[str, Any], paths: Paths) -> bool:
    """Return whether an earlier run of the step read the very same and what it wrote is still there."""
    return earlier == {**reading, "outputs": _existing(step, paths)}


def drop_stale_receipt(step: Step, paths: Paths) -> None:
    """Remove the receipt of a step whose outputs are gone or were changed by another hand, so that it runs again."""
    receipt = _read(step.receipt(paths))
    if receipt and (_existing(step, paths) != receipt.get("outputs") or not step.executed(paths).is_file()):
        step.receipt(paths).unlink()


def _existing(step: Step, paths: Paths) -> dict[str, str]:
    return {str(output): digest_of(output) for output in step.outputs(paths) if output.exists()}


def digest_of(path: Path) -> str:
    """Return a digest of a file, or of a folder's files with their names (hidden ones do not count)."""
    if not path.exists():
        raise StudyError(f"{path}: no such file or folder, though a chapter reads it.")
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        name = file.relative_to(path)
        if any(part.startswith((".", "__pycache__")) for part in name.parts):
            continue
        digest.update(str(name).encode() + b"\0" + _content_digest(file))
    return digest.hexdigest()


def _content_digest(file: Path) -> bytes:
    state = file.stat()
    if state.st_size > WHOLE_DIGEST_BYTES:
        return f"{state.st_size} {state.st_mtime_ns}".encode()
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _notebook_digest(notebook: Path) -> str:
    """Digest a notebook's code and its tags: words, captions, outputs, counts and editor state do not count."""
    cells = [cell for cell in read_notebook(notebook).cells if cell.cell_type == "code"]
    told = json.dumps([(split_options(cell.source)[1], cell.metadata.get("tags", [])) for cell in cells])
    return hashlib.sha256(told.encode()).hexdigest()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
