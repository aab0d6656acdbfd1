"""Verdicts that were given elsewhere: by people, or by an earlier run."""

import json
from pathlib import Path
from typing import get_args

from lima_utils.errors import StudyError
from lima_utils.files import require
from lima_utils.records import SCHEMAS, Verdict, Winner, read_rows


def read_recorded(path: Path) -> list[Verdict]:
    """Read verdicts from parquet, or from JSON lines with the columns of ``records.Verdict``.

    StudyError names file, line and column of the first row that is no verdict.
    """
    require(path, "the judge that it should record")
    if path.suffix == ".parquet":
        return read_rows(path, Verdict, "the judge that it records")
    verdicts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            verdicts.append(_read_line(path, number, line))
    if not verdicts:
        raise StudyError(f"{path}: holds no verdict; expected JSON lines with {', '.join(SCHEMAS[Verdict])}.")
    return verdicts


def _read_line(path: Path, number: int, line: str) -> Verdict:
    try:
        row = json.loads(line)
        verdict = Verdict(**row)
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{path}, line {number}: not a verdict ({error}); expected {', '.join(SCHEMAS[Verdict])}."
        ) from error
    texts = (verdict.prompt_id, verdict.system_a, verdict.system_b, verdict.judge)
    if not all(isinstance(text, str) and text for text in texts):
        raise StudyError(f"{path}, line {number}: prompt_id, system_a, system_b and judge must be texts, not empty.")
    if verdict.winner not in get_args(Winner):
        raise StudyError(f"{path}, line {number}: winner is {verdict.winner!r}; expected a, b or tie.")
    if verdict.shown_first not in ("a", "b"):
        raise StudyError(f"{path}, line {number}: shown_first is {verdict.shown_first!r}; expected a or b.")
    return verdict
