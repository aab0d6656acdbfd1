"""Command line of curation: ``python -m lima_utils.curation stackexchange EXCHANGE_DIR… --out DIR``."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from lima_utils.curation.comments import curate_comments
from lima_utils.curation.funnel import Curated
from lima_utils.curation.settings import CommentSettings, StackExchangeSettings
from lima_utils.curation.stackexchange import curate_stackexchange, write_curated
from lima_utils.errors import StudyError, exit_with_sentence
from lima_utils.files import ensure_directory

DEFAULTS = StackExchangeSettings()
COMMENTS = CommentSettings()


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
    _add_comments(
        commands.add_parser(
            "comments",
            help="comment chains of Stack Exchange dumps → dialogues of several turns",
            description="Comments under answers → dialogues of several turns (LIMA §2.2). Writes the same four files.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
    )
    return parser.parse_args(arguments)


def _add_common(parser: argparse.ArgumentParser, answers: StackExchangeSettings) -> None:
    low, high = answers.answer_chars
    add = parser.add_argument
    add(
        "dumps",
        nargs="+",
        type=Path,
        metavar="EXCHANGE_DIR",
        help="folder named as the site, with its Posts.xml; a folder of such; or a .7z as distributed",
    )
    add("--out", required=True, type=Path, metavar="DIR", help="where the four files go")
    add("--seed", type=int, default=0, help="seed of every random choice")
    add("--min-score", type=int, default=answers.min_score, help="lowest score of an answer")
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
        default=answers.prompt,
        help="what the user says",
    )
    add("--exchanges-file", type=Path, default=answers.exchanges_file, help="CSV: exchange, group, reason")
    add("--skip-damaged", action="store_true", help="leave out and count rows that cannot be read")


def _add_stackexchange(parser: argparse.ArgumentParser) -> None:
    _add_common(parser, DEFAULTS)
    add = parser.add_argument
    add("--unfiltered", action="store_true", help="no rule at all: a random answer of any question (LIMA §5)")
    add(
        "--tau",
        type=float,
        default=DEFAULTS.tau,
        help="temperature of the draw over exchanges (inf: all equal)",
    )
    add("--n-stem", type=int, help="dialogues from STEM exchanges (all)")
    add("--n-other", type=int, help="dialogues from other exchanges (all)")


def _add_comments(parser: argparse.ArgumentParser) -> None:
    _add_common(parser, COMMENTS.answers)
    parser.add_argument("--n", type=int, default=COMMENTS.n, help="dialogues to choose")
    parser.add_argument("--reply-chars", type=int, default=COMMENTS.reply_chars, help="fewest characters of a reply")
    parser.add_argument("--longest", type=int, default=COMMENTS.longest, help="most exchanges from one chain")


def _curate(arguments: argparse.Namespace) -> Curated:
    """Check the settings and the output folder before any dump is read, then run the command."""
    try:
        answers = StackExchangeSettings(
            filtered=not getattr(arguments, "unfiltered", False),
            min_score=arguments.min_score,
            answer_chars=tuple(arguments.answer_chars),
            first_person=not arguments.keep_first_person,
            references=not arguments.keep_references,
            self_contained=not arguments.any_title,
            prompt=arguments.prompt,
            exchanges_file=arguments.exchanges_file,
            skip_damaged=arguments.skip_damaged,
            **{name: getattr(arguments, name) for name in ("tau", "n_stem", "n_other") if name in arguments},
        )
        if arguments.command == "comments":
            chains = CommentSettings(
                n=arguments.n, answers=answers, reply_chars=arguments.reply_chars, longest=arguments.longest
            )
    except ValidationError as error:
        first = error.errors()[0]
        option = "".join(f"--{part} ".replace("_", "-") for part in first["loc"][:1])
        raise StudyError(f"{option}{first['msg']}; correct the option.") from error
    ensure_directory(arguments.out)
    if arguments.command == "comments":
        return curate_comments(arguments.dumps, chains, arguments.seed)
    return curate_stackexchange(arguments.dumps, answers, arguments.seed)


@exit_with_sentence
def main() -> int:
    """Run one command; exit code 2 with one sentence for a mistake in input or settings."""
    arguments = parse_arguments()
    curated = _curate(arguments)
    write_curated(curated, arguments.out)
    for step in curated.funnel["total"]["steps"]:
        print(f"{step['unit']:>9} {step['rule']:<26} {step['dropped']:>11,} fell {step['kept']:>11,} kept")
    print(f"{len(curated.dialogues):,} dialogues in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
