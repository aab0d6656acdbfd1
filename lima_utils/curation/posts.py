"""Reading ``Posts.xml``: first a light index of all posts, then the few posts whose text is needed."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from lxml import etree

from lima_utils.errors import StudyError

INDEX = {"place": pl.Int64, "id": pl.Int64, "kind": pl.Int8, "parent": pl.Int64, "score": pl.Int64}
"""Columns of an index: place in the file, PostTypeId 1 (question) or 2 (answer), ParentId, Score or null."""
HEAD = 65_536


@dataclass(frozen=True, slots=True)
class Post:
    """One question or answer as the dump holds it; text still HTML."""

    id: int
    kind: int
    parent: int | None
    score: int | None
    title: str
    body: str
    created: str
    edited: str | None
    owner: str | None
    owner_name: str | None
    license: str | None
    closed: bool
    wiki: bool


@dataclass(frozen=True)
class Index:
    """What a first pass over a dump leaves: questions and answers, and what the other rows were."""

    posts: pl.DataFrame
    rows: int
    other: int
    damaged: list[tuple[int, str]]
    """Place and excerpt of rows that could not be read."""


def index_posts(path: Path, skip_damaged: bool) -> Index:
    """Read the numbers of all posts; StudyError for a broken dump, or row (unless `skip_damaged`)."""
    columns: dict[str, list[int | None]] = {name: [] for name in INDEX}
    damaged: list[tuple[int, str]] = []
    rows = other = 0
    for place, row in _rows(path):
        rows += 1
        numbers = {name: _number(row.get(key)) for name, key in _KEYS.items()}
        if numbers["id"] is None or numbers["kind"] is None:
            if not skip_damaged:
                raise damage(path, place, "a row without a readable Id or PostTypeId")
            damaged.append((place, str(dict(row))[:200]))
        elif numbers["kind"] not in (1, 2):
            other += 1
        else:
            columns["place"].append(place)
            for name, value in numbers.items():
                columns[name].append(value)
    return Index(pl.DataFrame(columns, schema=INDEX), rows, other, damaged)


def read_posts(path: Path, places: Set[int]) -> Iterator[tuple[int, Post]]:
    """Yield the posts at `places` with their places, in the order of the file."""
    for place, row in _rows(path):
        if place in places:
            yield place, to_post(row)


def to_post(row: Mapping[str, str]) -> Post:
    """Turn a row's attributes into a post."""
    return Post(
        id=_number(row.get("Id")) or 0,
        kind=_number(row.get("PostTypeId")) or 0,
        parent=_number(row.get("ParentId")),
        score=_number(row.get("Score")),
        title=row.get("Title", "").strip(),
        body=row.get("Body", ""),
        created=row.get("CreationDate", ""),
        edited=row.get("LastEditDate"),
        owner=row.get("OwnerUserId"),
        owner_name=row.get("OwnerDisplayName"),
        license=row.get("ContentLicense"),
        closed="ClosedDate" in row,
        wiki="CommunityOwnedDate" in row,
    )


def damage(path: Path, place: int, what: str) -> StudyError:
    """Return the error for one bad row."""
    return StudyError(f"{path}: row {place + 1}: {what}; get the dump again, or count and skip it (--skip-damaged).")


_KEYS = {"id": "Id", "kind": "PostTypeId", "parent": "ParentId", "score": "Score"}


def _number(value: str | None) -> int | None:
    """Read an integer; None where there is none. Scores are numbers: as text "9" would beat "10"."""
    try:
        number = int(value) if value is not None and len(value) < 19 else None
    except ValueError:
        return None
    return number


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row's place and attributes, one row in memory at a time; StudyError where the XML breaks."""
    _check_head(path)
    place = 0
    try:
        for _, row in etree.iterparse(path, events=("end",), tag="row", huge_tree=True, resolve_entities=False):
            yield place, row.attrib
            place += 1
            row.clear()
            while row.getprevious() is not None:
                del row.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise StudyError(
            f"{path}: malformed or cut off after {place:,} rows ({error.msg}); get the dump again."
        ) from error


def _check_head(path: Path) -> None:
    """Refuse what is not a posts dump, and a document type with entities of its own, which may be a bomb."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    start = head.find(b"<posts")
    if start < 0:
        raise StudyError(f"{path}: not a Stack Exchange posts dump (no <posts> at its beginning).")
    if b"<!ENTITY" in head[:start] or (b"<!DOCTYPE" in head[:start] and b"[" in head[:start]):
        raise StudyError(f"{path}: declares entities of its own, which no dump does; refused as unsafe.")
