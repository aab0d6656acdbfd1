"""Reading ``Posts.xml``: first a light index of all posts, then the few posts whose text is needed."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from lima_utils.curation.dump import Block, Dump, Mask, Outline, Row, map_blocks, parse_row, read_blocks
from lima_utils.curation.heads import read_heads
from lima_utils.curation.partitions import Partitions
from lima_utils.errors import StudyError

INDEX = {
    "place": pl.Int64,
    "size": pl.Int32,
    "id": pl.Int64,
    "kind": pl.Int8,
    "parent": pl.Int64,
    "score": pl.Int64,
}
"""Columns of an index: where the row lies, PostTypeId 1 (question) or 2 (answer), ParentId, Score or null."""
SHAPES = (
    ("Id", "PostTypeId", "ParentId", "CreationDate", "Score"),
    ("Id", "PostTypeId", "AcceptedAnswerId", "CreationDate", "Score"),
    ("Id", "PostTypeId", "CreationDate", "Score"),
)
NUMBERS = {"Id": "id", "PostTypeId": "kind", "ParentId": "parent", "Score": "score"}
EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Post:
    """One question or answer as the dump holds it; text still HTML."""

    id: int
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

    threads: Partitions
    """Columns of `INDEX`, a question and its answers always in one batch."""
    ascending: bool
    """Whether every id is larger than those before it, as in the dumps of Stack Exchange: then none comes twice."""
    rows: int
    other: int
    damaged: list[tuple[int, str]]
    """Place and excerpt of rows that could not be read."""

    @property
    def posts(self) -> pl.DataFrame:
        """All posts in the order of the dump."""
        return pl.concat(self.threads.batches()).sort("place")


def index_posts(dump: Dump, skip_damaged: bool) -> Index:
    """Read the numbers of all posts; StudyError for a broken dump, or row (unless `skip_damaged`)."""
    outline = Outline(dump, "posts")
    threads = Partitions(INDEX, pl.when(kind=1).then("id").otherwise("parent").fill_null(0).abs())
    damaged: list[tuple[int, str]] = []
    rows = other = 0
    latest, ascending = -1, True
    for block, found, bad, is_row in map_blocks(_index, read_blocks(dump)):
        broken = sorted(bad + outline.follow(block, is_row))
        if broken and not skip_damaged:
            raise damage(dump, f"at byte {broken[0][0]:,}")
        damaged += [(place, piece[:EXCERPT].decode("utf-8", "replace")) for place, piece in broken]
        posts = found.filter(pl.col("kind").is_in([1, 2])).cast({"kind": pl.Int8})
        rows += len(found) + len(broken)
        other += len(found) - len(posts)
        threads.add(posts)
        ids = posts["id"].to_numpy()
        ascending = ascending and bool((np.diff(ids, prepend=latest) > 0).all())
        latest = int(ids[-1]) if len(ids) else latest
    outline.finish(rows)
    return Index(threads, ascending, rows, other, damaged)


def _index(block: Block) -> tuple[Block, pl.DataFrame, list[tuple[int, bytes]], Mask]:
    """Return a block's posts of all types, its unreadable rows, and which of its tags are rows."""
    heads = read_heads(block, SHAPES, tuple(NUMBERS))
    is_row = heads["row"].to_numpy()
    complete = pl.col("Id", "PostTypeId", "Score").is_not_null()
    certain = pl.all_horizontal("known", complete) & ((pl.col("PostTypeId") != 2) | pl.col("ParentId").is_not_null())
    heads = heads.with_row_index("number").filter("row").with_columns(certain=certain.fill_null(value=False))
    sure = heads.filter("certain").select("place", "size", *(pl.col(key).alias(name) for key, name in NUMBERS.items()))
    parsed: list[dict[str, int | None]] = []
    bad: list[tuple[int, bytes]] = []
    for number, place, size in heads.filter(~pl.col("certain")).select("number", "place", "size").iter_rows():
        piece = block.piece(number)
        row = parse_row(piece)
        numbers = {name: to_number((row or {}).get(key)) for key, name in NUMBERS.items()}
        if numbers["id"] is None or numbers["kind"] is None:
            bad.append((place, piece))
        else:
            parsed.append({"place": place, "size": size, **numbers})
    frame = sure.cast({"size": pl.Int32})
    if parsed:
        slow = pl.DataFrame(parsed, schema={**INDEX, "kind": pl.Int64})
        frame = pl.concat([frame, slow]).sort("place")
    return block, frame, bad, is_row


def read_post(piece: bytes) -> Post | None:
    """Turn a row's bytes into a post; None where it is not well-formed."""
    row = parse_row(piece)
    return None if row is None else make_post(row)


def make_post(row: Row) -> Post:
    """Turn a row's attributes into a post."""
    get = row.get
    return Post(
        id=to_number(get("Id")) or 0,
        score=to_number(get("Score")),
        title=(get("Title") or "").strip(),
        body=get("Body") or "",
        created=get("CreationDate") or "",
        edited=get("LastEditDate"),
        owner=get("OwnerUserId"),
        owner_name=get("OwnerDisplayName"),
        license=get("ContentLicense"),
        closed=get("ClosedDate") is not None,
        wiki=get("CommunityOwnedDate") is not None,
    )


_NUMBER = re.compile(r"\s*-?[0-9]{1,18}\s*")


def to_number(value: str | None) -> int | None:
    """Read an integer; None where there is none. Scores are numbers: as text "9" would beat "10"."""
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None


def damage(dump: Dump, where: str) -> StudyError:
    """Return the error for one bad row."""
    return StudyError(
        f"{dump}: malformed or cut off {where}; get the dump again, "
        "or leave such rows out and count them (--skip-damaged)."
    )
