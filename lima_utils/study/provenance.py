"""Where a result comes from: commit, libraries and machine-independent facts kept in each executed notebook."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = (
    "numpy",
    "polars",
    "scipy",
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "matplotlib",
    "papermill",
)
KEY = "study"
"""The notebook's metadata entry that holds the provenance."""


def provenance(root: Path) -> dict[str, Any]:
    """Return commit, whether tracked files differ from it, and versions of Python and the libraries."""
    commit, dirty = git_state(root)
    return {"commit": commit, "dirty": dirty, "versions": versions()}


@cache
def git_state(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit and whether tracked files differ from it; nothing of both outside a git checkout."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return None, None


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that shape results."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "absent"
    return found


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
