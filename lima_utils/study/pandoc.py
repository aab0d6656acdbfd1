"""Calling pandoc, which pypandoc_binary carries."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pypandoc

from lima_utils.errors import StudyError

# As Quarto reads Markdown; without a column limit, or wide pipe tables would get columns of fixed shares.
READER = ("--from=markdown+tex_math_single_backslash", "--columns=9999")


def run_pandoc(arguments: Sequence[str], text: str) -> tuple[str, list[str]]:
    """Run pandoc on `text`; returns what it prints and its warnings; StudyError where it fails."""
    command = [pypandoc.get_pandoc_path(), *arguments]
    finished = subprocess.run(command, input=text, capture_output=True, text=True, check=False, encoding="utf-8")
    told = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    if finished.returncode:
        raise StudyError(f"pandoc failed: {' '.join(told)}")
    return finished.stdout, told


def parse_markdown(text: str, name: str) -> dict[str, Any]:
    """Return pandoc's syntax tree of `text`; StudyError with `name` where it warns of anything."""
    printed, warnings = run_pandoc([*READER, "--to=json"], text)
    if warnings:
        raise StudyError(f"{name}: {'; '.join(warnings)}.")
    tree: dict[str, Any] = json.loads(printed)
    return tree
