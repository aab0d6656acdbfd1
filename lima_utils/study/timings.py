"""How long each step took, from the executed notebooks."""

from lima_utils.study.execution import read_record
from lima_utils.study.order import chapters_of, steps_of
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import Profile


def timing_table(profile: Profile, paths: Paths) -> str:
    """Return a table of the notebooks' seconds in their last run; workers with count and sum."""
    rows: list[tuple[str, float]] = []
    for chapter in chapters_of(profile):
        seconds = [read_record(step.executed(paths)).get("seconds", 0.0) for step in steps_of(chapter, profile)]
        name = chapter.stem if len(seconds) == 1 else f"{chapter.stem} ({len(seconds)} runs)"
        rows.append((name, sum(seconds)))
    rows.append(("sum of all notebooks", sum(seconds for _, seconds in rows)))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {seconds:7.1f} s" for name, seconds in rows)
