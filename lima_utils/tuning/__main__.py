"""Command line of tuning: ``python -m lima_utils.tuning`` or ``accelerate launch -m lima_utils.tuning``."""

import argparse
import sys
from pathlib import Path

from lima_utils.errors import StudyError, exit_with_sentence
from lima_utils.records import Dialogue, read_rows
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import load_profile
from lima_utils.study.sets import Sets
from lima_utils.study.tunings import read_training, recipe_of
from lima_utils.tuning.training import tune


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lima_utils.tuning",
        description="Tune a profile's base on its curated dialogues; one checkpoint per epoch.",
    )
    parser.add_argument("--profile", default="tiny", help="name of a profile, or a YAML file (default: tiny)")
    parser.add_argument("--run", help="which of the profile's tunings (default: the first)")
    parser.add_argument("--seed", type=int, help="seed of data order and dropout (default: the profile's)")
    parser.add_argument("--dialogues", type=Path, help="a dialogues.parquet in place of the run's own set")
    parser.add_argument("--out", type=Path, help="where checkpoints go (default: runs/<profile>/tuning/<run>)")
    parser.add_argument("--keep", choices=("all", "last"), default="all", help="which epochs' checkpoints to keep")
    return parser.parse_args(arguments)


@exit_with_sentence
def main(arguments: list[str] | None = None) -> None:
    """Run tuning as the command line says."""
    options = parse_arguments(arguments)
    profile = load_profile(options.profile)
    paths = Paths(profile.name)
    name = options.run or next(iter(profile.tunings))
    if name not in profile.tunings:
        raise StudyError(f"--run {name!r}: the profile has no such tuning; there are {', '.join(profile.tunings)}.")
    seed = profile.seed if options.seed is None else options.seed
    if options.dialogues:
        rows = read_rows(options.dialogues, Dialogue, "the curation notebook")
        dialogues = [row for row in rows if row.split == "train"]
    else:
        dialogues = read_training(Sets(paths), profile.tunings[name], seed)
    # The place where chapter 04 looks; a seed of one's own does not take the place of the profile's run.
    out = options.out or paths.tuning / (name if seed == profile.seed else f"{name}-seed-{seed}")
    tuned = tune(profile.base, dialogues, recipe_of(profile, name), out, seed, options.keep)
    last = tuned.history.row(-1, named=True)
    print(
        f"{tuned.final}: {last['step']} steps, final loss {last['loss']:.4f}, {tuned.trimmed} dialogues trimmed, "
        f"{tuned.seconds:.0f} s."
    )


if __name__ == "__main__":
    sys.exit(main())
