"""Writing files so that a half-written one is never taken for a whole one."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lima_utils.errors import StudyError


def ensure_directory(path: Path) -> Path:
    """Create `path` with its parents and prove that it can be written to; StudyError names it where it cannot."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise StudyError(
            f"{path}: cannot write to this output folder ({error.strerror}); choose another one or change its rights."
        ) from error
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` (file or folder) that takes its place on success and is removed otherwise."""
    ensure_directory(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    _remove(aside)
    try:
        yield aside
        if path.is_dir():
            _remove(path)
        os.replace(aside, path)
    finally:
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path` in one step."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal results are equal files."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path, made_by: str) -> Any:
    """Read JSON; a missing or broken file raises StudyError that says what makes it (`made_by`)."""
    require(path, made_by)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"{path}: not valid JSON ({error}); make it again with {made_by}.") from error


def require(path: Path, made_by: str) -> Path:
    """Return `path` if it exists, else raise StudyError that says what makes it."""
    if not path.exists():
        raise StudyError(f"{path} is missing: run {made_by} first.")
    return path
