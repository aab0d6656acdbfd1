"""Running one step of the graph: execute its notebook, check what it made, write the receipt last."""

from pathlib import Path
from typing import Any

from lima_utils.files import write_json
from lima_utils.study.chapters import Step
from lima_utils.study.execution import execute_notebook, failed_run, read_record
from lima_utils.study.fingerprints import reading_of, receipt_of, refresh_fingerprint, same_as_before
from lima_utils.study.order import steps_before
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import Profile


def run_step(step: Step, profile: Profile, given: str, paths: Paths, root: Path) -> str:
    """Run one step unless an earlier run read and wrote the very same; return a line that says what happened.

    `given` is the profile as the user named it (a name or a path), which the notebook gets as its parameter.
    """
    before = steps_before(step.chapter, profile)
    refresh_fingerprint(step.chapter, profile, paths, root)
    reading = reading_of(step, before, paths)  # and a missing input is told before a kernel starts
    receipt = step.receipt(paths)
    earlier = read_record(step.executed(paths)).get("receipt")
    if earlier and same_as_before(earlier, step, reading, paths):
        write_json(receipt, earlier)
        failed_run(step.executed(paths)).unlink(missing_ok=True)
        return f"{step.name}: nothing it reads has changed"

    def finish() -> dict[str, Any]:
        return {"profile": profile.name, "receipt": receipt_of(step, reading, paths)}

    parameters = {"profile": given, **step.wildcards}
    seconds = execute_notebook(step.chapter.notebook, step.executed(paths), parameters, root, finish)
    write_json(receipt, read_record(step.executed(paths))["receipt"])
    return f"{step.name}: {seconds:.0f} s"
