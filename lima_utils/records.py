"""What the stages hand each other: dialogues, responses, verdicts, grades and estimates.

Stages never import one another. They meet in parquet files whose columns are declared here, and in
``results/*.json``, lists of :class:`Estimate`. One row type per file; the dataclass is the row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

import polars as pl

from lima_utils.errors import StudyError
from lima_utils.files import read_json, replacing, require, write_json

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "dev", "test"]
Stop = Literal["eot", "length"]
Winner = Literal["a", "b", "tie"]
Label = Literal["excellent", "pass", "fail"]


class Message(TypedDict):
    """One turn of a dialogue in the `messages` chat form."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue: a training example (ends with the assistant) or a prompt (ends with the user)."""

    id: str
    """Unique in the study, e.g. ``stackexchange/coffee.stackexchange.com/12``."""
    source: str
    """The source's short name, e.g. ``stackexchange``, ``wikihow``, ``authored-a``."""
    messages: list[Message]
    split: Split = "train"
    exchange: str | None = None
    group: str | None = None
    """Within a source, e.g. ``stem`` / ``other`` for Stack Exchange."""
    url: str | None = None
    license: str | None = None
    author: str | None = None
    """The answer's author as the source identifies them (an id where the dump holds no names)."""
    revised: str | None = None
    """ISO date of the text's last revision, as attribution asks."""
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What one system answered to one prompt."""

    prompt_id: str
    system: str
    text: str
    stop: Stop
    tokens: int
    """Generated tokens, the stopping one included."""
    sample: int = 0
    seed: int = 0
    turn: int = 0
    """In a scripted conversation: which assistant turn this is, from 0."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One blind pairwise judgement; `a` and `b` name systems, `shown_first` keeps the order the judge saw."""

    prompt_id: str
    system_a: str
    system_b: str
    winner: Winner
    judge: str
    shown_first: Literal["a", "b"]
    sample: int = 0
    seed: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """One absolute judgement of one response: LIMA's label, and a number where the judge gives one."""

    prompt_id: str
    system: str
    label: Label
    judge: str
    score: float | None = None
    sample: int = 0
    seed: int = 0
    turn: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of the report with its uncertainty; `estimate` is None where only a verdict is given."""

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    level: float | None
    """Confidence level of [low, high], e.g. 0.95."""
    n: int | None
    method: str
    unit: str = "share"
    seed: int | None = None
    verdict: Literal["supported", "not shown", "contradicted"] | None = None


_MESSAGE = pl.Struct({"role": pl.String, "content": pl.String})
SCHEMAS: dict[type, dict[str, Any]] = {
    Dialogue: {
        "id": pl.String,
        "source": pl.String,
        "messages": pl.List(_MESSAGE),
        **dict.fromkeys(("split", "exchange", "group", "url", "license", "author", "revised"), pl.String),
        "score": pl.Int64,
    },
    Response: {
        **dict.fromkeys(("prompt_id", "system", "text", "stop"), pl.String),
        **dict.fromkeys(("tokens", "sample", "seed", "turn"), pl.Int64),
    },
    Verdict: {
        **dict.fromkeys(("prompt_id", "system_a", "system_b", "winner", "judge", "shown_first"), pl.String),
        **dict.fromkeys(("sample", "seed"), pl.Int64),
        "reason": pl.String,
    },
    Grade: {
        **dict.fromkeys(("prompt_id", "system", "label", "judge"), pl.String),
        "score": pl.Float64,
        **dict.fromkeys(("sample", "seed", "turn"), pl.Int64),
        "reason": pl.String,
    },
}

Row = TypeVar("Row", Dialogue, Response, Verdict, Grade)


def to_frame(rows: Sequence[Row], kind: type[Row]) -> pl.DataFrame:
    """Return a frame with exactly the columns of `kind`, one row per record."""
    return pl.DataFrame({name: [getattr(row, name) for row in rows] for name in SCHEMAS[kind]}, schema=SCHEMAS[kind])


def write_rows(path: Path, rows: Sequence[Row], kind: type[Row]) -> None:
    """Write records of one kind to parquet in one step."""
    write_frame(path, to_frame(rows, kind))


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame to parquet in one step."""
    with replacing(path) as aside:
        frame.write_parquet(aside)


def read_frame(path: Path, kind: type[Any], made_by: str) -> pl.DataFrame:
    """Read a parquet file that holds the columns of `kind`; StudyError says what is wrong and what makes it."""
    require(path, made_by)
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StudyError(f"{path}: not a readable parquet file ({error}); make it again with {made_by}.") from error
    for name, dtype in SCHEMAS[kind].items():
        if frame.schema.get(name) != dtype:
            raise StudyError(
                f"{path}: column {name!r} is {frame.schema.get(name)}, expected {dtype}; make it again with {made_by}."
            )
    return frame


def read_rows(path: Path, kind: type[Row], made_by: str) -> list[Row]:
    """Read records of one kind from parquet."""
    names = [field.name for field in fields(kind)]
    return [kind(**row) for row in read_frame(path, kind, made_by).select(names).iter_rows(named=True)]


def write_estimates(path: Path, estimates: Iterable[Estimate]) -> None:
    """Write ``results/<chapter>.json``: a list of records, names unique."""
    rows = [asdict(estimate) for estimate in estimates]
    names = [row["name"] for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise StudyError(f"{path}: the estimate {twice[0]!r} is recorded twice; names must be unique in a chapter.")
    write_json(path, [{k: v for k, v in row.items() if k != "verdict" or v is not None} for row in rows])


def read_estimates(path: Path, made_by: str) -> dict[str, Estimate]:
    """Read ``results/<chapter>.json`` into a mapping from name to estimate."""
    return {row["name"]: Estimate(**row) for row in read_json(path, made_by)}
