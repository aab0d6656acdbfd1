"""Running the graph for one profile: Snakemake does the work, this calls it and keeps two runs apart."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import load_profile


def run_graph(profile: str, root: Path, cores: int | None = None) -> None:
    """Bring every step of `profile` (a name or a path) up to date; StudyError where a step fails."""
    paths = Paths(load_profile(profile).name)
    with _only_run(root / paths.root):
        command = [
            *(sys.executable, "-m", "snakemake", "--cores", str(cores or os.cpu_count() or 1)),
            *("--config", f"profile={profile}"),
            # Time stamps follow content (fingerprints, receipts), so nothing else decides what is stale.
            *("--rerun-triggers", "mtime", "input"),
            # A killed run leaves both behind; our own lock ends with its process.
            *("--rerun-incomplete", "--nolock"),
            # A failed step must not take down the others: those under way may have hours behind them.
            *("--keep-going", "--quiet", "all"),
        ]
        finished = subprocess.run(command, cwd=root, check=False)
    if finished.returncode:
        raise StudyError(
            f"the run of profile {profile!r} stopped; the sentences above say where. What is done is kept."
        )


@contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    with (ensure_directory(folder) / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(f"{folder}: another run of this profile is under way; wait for it or stop it.") from None
        yield
