"""Command line of curation: ``python -m lima_utils.curation stackexchange EXCHANGE_DIR… --out DIR``."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from lima_utils.curation.settings import StackExchangeSettings
from lima_utils.curation.stackexchange import curate_stackexchange, write_curated
from lima_utils.errors import StudyError, exit_with_sentence
from lima_utils.files import ensure_directory

DEFAULTS = StackExchangeSettings()


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m lima_utils.curation", description="Raw dumps → dialogues.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_stackexchange(
        commands.add_parser(
            "stackexchange",
            help="Stack Exchange dumps → filtered dialogues",
            description="Stack Exchange dumps → dialogues by the rules of LIMA §2.1. Writes "
            "dialogues.parquet, dialogues.jsonl, rejects.parquet and funnel.json.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
    )
    return parser.parse_args(arguments)


def _add_stackexchange(parser: argparse.ArgumentParser) -> None:
    low, high = DEFAULTS.answer_chars
    add = parser.add_argument
    add(
        "dumps",
        nargs="+",
        type=Path,
        metavar="EXCHANGE_DIR",
        help="folder named as the site, with its Posts.xml",
    )
    add("--out", required=True, type=Path, metavar="DIR", help="where the four files go")
    add("--seed", type=int, default=0, help="seed of every random choice")
    add("--min-score", type=int, default=DEFAULTS.min_score, help="lowest score of an answer")
    add(
        "--answer-chars",
        type=int,
        nargs=2,
        default=[low, high],
        metavar=("LOW", "HIGH"),
        help="length once cleaned",
    )
    add("--keep-first-person", action="store_true", help="keep answers with I, my, me")
    add("--keep-references", action="store_true", help="keep answers that refer to others")
    add("--any-title", action="store_true", help="keep questions whose title is not self-contained")
    add(
        "--prompt",
        choices=("either", "title", "description"),
        default=DEFAULTS.prompt,
        help="what the user says",
    )
    add("--unfiltered", action="store_true", help="no rule at all: a random answer of any question (LIMA §5)")
    add(
        "--tau",
        type=float,
        default=DEFAULTS.tau,
        help="temperature of the draw over exchanges (inf: all equal)",
    )
    add("--n-stem", type=int, help="dialogues from STEM exchanges (all)")
    add("--n-other", type=int, help="dialogues from other exchanges (all)")
    add("--exchanges-file", type=Path, default=DEFAULTS.exchanges_file, help="CSV: exchange, group, reason")
    add("--skip-damaged", action="store_true", help="leave out and count rows that cannot be read")


def _settings(arguments: argparse.Namespace) -> StackExchangeSettings:
    try:
        return StackExchangeSettings(
            filtered=not arguments.unfiltered,
            min_score=arguments.min_score,
            answer_chars=tuple(arguments.answer_chars),
            first_person=not arguments.keep_first_person,
            references=not arguments.keep_references,
            self_contained=not arguments.any_title,
            prompt=arguments.prompt,
            tau=arguments.tau,
            n_stem=arguments.n_stem,
            n_other=arguments.n_other,
            exchanges_file=arguments.exchanges_file,
            skip_damaged=arguments.skip_damaged,
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + "-".join(str(part) for part in first["loc"][:1]).replace("_", "-")
        raise StudyError(f"{option} {first['input']}: {first['msg']}; correct the option.") from error


@exit_with_sentence
def main() -> int:
    """Run one command; exit code 2 with one sentence for a mistake in input or settings."""
    arguments = parse_arguments()
    settings = _settings(arguments)
    ensure_directory(arguments.out)
    curated = curate_stackexchange(arguments.dumps, settings, arguments.seed)
    write_curated(curated, arguments.out)
    for step in curated.funnel["total"]["steps"]:
        print(f"{step['unit']:>9} {step['rule']:<26} {step['dropped']:>11,} fell {step['kept']:>11,} kept")
    print(f"{len(curated.dialogues):,} dialogues in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
