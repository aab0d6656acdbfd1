"""Command line of generation: ``python -m lima_utils.generation --profile gpu --system tuned --model DIR …``."""

import argparse
import sys
from pathlib import Path

from lima_utils.errors import StudyError, exit_with_sentence
from lima_utils.records import Dialogue, Response, read_rows, write_rows
from lima_utils.study.answers import answer
from lima_utils.study.paths import Paths
from lima_utils.study.profiles import load_profile


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lima_utils.generation", description="Let one system of a profile answer prompts."
    )
    parser.add_argument("--profile", default="tiny", help="name of a profile, or a YAML file (default: tiny)")
    parser.add_argument("--system", default="tuned", help="name of one of the profile's systems (default: tuned)")
    parser.add_argument("--model", help="folder or hub name (default: the system's, else the run's)")
    parser.add_argument(
        "--prompts", type=Path, required=True, help="a parquet file of dialogues that end with the user"
    )
    parser.add_argument("--demonstrations", type=Path, help="training dialogues for an in-context system")
    parser.add_argument("--seed", type=int, help="seed of sampling (default: the profile's)")
    parser.add_argument("--out", type=Path, help="the parquet file to write (default: the run's responses-<system>)")
    return parser.parse_args(arguments)


@exit_with_sentence
def main(arguments: list[str] | None = None) -> None:
    """Run generation as the command line says."""
    options = parse_arguments(arguments)
    profile = load_profile(options.profile)
    paths = Paths(profile.name)
    seed = profile.seed if options.seed is None else options.seed
    systems = {system.name: system for system in profile.systems}
    if options.system not in systems:
        raise StudyError(f"--system {options.system!r} is unknown; the profile has {', '.join(systems) or 'none'}.")
    system = systems[options.system]
    prompts = read_rows(options.prompts, Dialogue, "the curation notebook")
    shown = read_rows(options.demonstrations, Dialogue, "the curation notebook") if options.demonstrations else []
    if options.model is not None:
        system = system.model_copy(update={"model": options.model})
    profile = profile.model_copy(update={"seed": seed})
    responses = answer(profile, paths, system, prompts, shown)
    out = options.out or paths.generation / f"responses-{system.name}.parquet"
    write_rows(out, responses, Response)
    stopped = sum(response.stop == "eot" for response in responses)
    print(f"{out}: {len(responses)} responses, {stopped} stopped by themselves.")


if __name__ == "__main__":
    sys.exit(main())
