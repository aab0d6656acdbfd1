"""A dump's bytes, cut into rows: the fast way to read the XML of Stack Exchange.

XML forbids ``<`` inside a value, so a row reaches from one ``<`` to the next, whatever its line breaks. Finding
these bytes is all the work that most rows need; numbers at the head of a row are taken where its first
attributes stand in the usual order and quotes, which is exact as the row is read from its very beginning. All
other rows, and every row whose text is needed, go to a real XML parser one by one. No document type is ever
processed, so that entities cannot grow.
"""

import contextlib
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from lxml import etree

from lima_utils.curation.archives import open_member
from lima_utils.errors import StudyError

Result = TypeVar("Result")
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int64]

BLOCK = 8 << 20
HEAD = 128
"""Bytes of a row looked at for its numbers; ids, dates and score of a post take about 115."""
LONGEST = 1 << 28
"""Bytes of one row beyond which a file is no dump."""
QUOTED = 10
"""Pieces between quotes that a head is cut into: five attributes."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One XML file of one exchange: on disk, or a member of an archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.member is None else f"{self.path}/{self.member}"

    @contextlib.contextmanager
    def open(self) -> Iterator[io.RawIOBase]:
        """Yield the XML as a stream of bytes."""
        if self.member is None:
            with self.path.open("rb", buffering=0) as file:
                yield file
        else:
            with open_member(self.path, self.member) as stream:
                yield stream


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive tags of a dump: the first `size` bytes of `data`, from `offset` on; a tag at each of `starts`."""

    data: Bytes
    size: int
    offset: int
    starts: Offsets

    def piece(self, number: int) -> bytes:
        """Return a tag with what follows it."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else self.size
        return self.data[self.starts[number] : end].tobytes()


def read_blocks(dump: Dump, size: int = BLOCK) -> Iterator[Block]:
    """Yield a dump in blocks of about `size` bytes that begin and end between tags."""
    with dump.open() as stream:
        rest: Bytes = np.empty(0, np.uint8)
        offset = 0
        while True:
            room = max(size, len(rest))  # doubles while one row fills more than a block
            if room > LONGEST:
                raise StudyError(f"{dump}: a row of more than {LONGEST:,} bytes; this is no dump.")
            data = np.empty(len(rest) + room + HEAD, np.uint8)
            data[: len(rest)] = rest
            read = _fill(stream, data.data[len(rest) : len(rest) + room])
            end = len(rest) + read
            data[end:] = 0
            starts = np.flatnonzero(data[:end] == ord("<"))
            if not len(starts):
                raise StudyError(f"{dump}: not a Stack Exchange dump (no tag in its first {end:,} bytes).")
            if read < room:
                yield Block(data, end, offset, starts)
                return
            if len(starts) < 2:
                rest = data[:end]
                continue
            cut = int(starts[-1])
            rest = data[cut:end].copy()
            yield Block(data, cut, offset, starts[:-1])
            offset += cut


def _fill(stream: io.RawIOBase, buffer: memoryview) -> int:
    filled = 0
    while filled < len(buffer):
        read = stream.readinto(buffer[filled:])
        if not read:
            break
        filled += read
    return filled


def map_blocks(work: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
    """Yield the results of `work` in the order of the blocks, a few of them worked on at a time in threads."""
    threads = max(1, min(4, os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for block in blocks:
                waiting.append(pool.submit(work, block))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def read_heads(block: Block, shapes: Sequence[Sequence[str]], wanted: Sequence[str]) -> pl.DataFrame:
    """Return place, size and leading numbers of every tag of a block.

    `shapes` are the orders in which a row's first attributes may stand, `wanted` those that become columns.
    `row` says whether the tag is a row, `known` whether it is closed and its head has one of the shapes: only
    then may the numbers be trusted.
    """
    data, starts = block.data, block.starts
    ends = np.append(starts[1:], block.size)
    heads = np.lib.stride_tricks.sliding_window_view(data, HEAD)[starts]
    # A shorter row must not borrow from its neighbour; what is not plain text must not pass for it.
    for number in np.flatnonzero(ends - starts < HEAD):
        heads[number, ends[number] - starts[number] :] = 0
    heads[(heads < 32) | (heads > 126)] = ord("?")
    heads[:, -1] = ord("\n")
    lines = pl.read_csv(heads.tobytes(), separator="\x01", quote_char=None, has_header=False, new_columns=["head"])
    columns = [f"part{number}" for number in range(QUOTED + 1)]
    parts = lines.select(pl.col("head").str.split_exact('"', QUOTED).struct.rename_fields(columns)).unnest("head")
    return parts.select(
        *(_number(shapes, name) for name in wanted),
        place=pl.Series(starts + block.offset),
        size=pl.Series(ends - starts),
        row=pl.Series(_are_rows(data, starts)),
        known=pl.any_horizontal(_fits(shape) for shape in shapes) & pl.Series(_are_closed(data, starts, ends)),
    )


def _opens(position: int, name: str) -> pl.Expr:
    return pl.col(f"part{2 * position}") == (f"<row {name}=" if position == 0 else f" {name}=")


def _fits(shape: Sequence[str]) -> pl.Expr:
    """Say whether the shape's attributes open the row one after the other, the last value's quote closed."""
    names = pl.all_horizontal(_opens(position, name) for position, name in enumerate(shape))
    return names & pl.col(f"part{2 * len(shape)}").is_not_null()


def _number(shapes: Sequence[Sequence[str]], name: str) -> pl.Expr:
    """Return the attribute's value where a known row has it; trusted only where the whole shape fits."""
    positions = sorted({shape.index(name) for shape in shapes if name in shape})
    values = [pl.when(_opens(position, name)).then(pl.col(f"part{2 * position + 1}")) for position in positions]
    return pl.coalesce(values).cast(pl.Int64, strict=False).alias(name)


def _are_rows(data: Bytes, starts: Offsets) -> Mask:
    """Say which tags are ``<row``; the padding behind the last one makes looking ahead safe."""
    rows: Mask = np.isin(data[starts + 4], np.frombuffer(b" \t\r\n/>", np.uint8))
    for position, letter in enumerate(b"row", start=1):
        rows &= data[starts + position] == letter
    return rows


def _are_closed(data: Bytes, starts: Offsets, ends: Offsets) -> Mask:
    """Say which tags end with ``/>`` and have nothing but white space (a few bytes of it) behind them."""
    last = ends - 1
    for _ in range(8):
        last = last - np.isin(data[last], np.frombuffer(b" \t\r\n", np.uint8))
    closed: Mask = (last - starts > 4) & (data[last] == ord(">")) & (data[last - 1] == ord("/"))
    return closed


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def parse_row(piece: bytes) -> dict[str, str] | None:
    """Return a row's attributes by a real XML parser; None where the piece is not one well-formed row."""
    piece = piece.strip()
    if not piece.endswith(b"/>"):
        piece += b"</row>"
    try:
        row = etree.fromstring(piece, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if row.tag != "row" or (row.text or "").strip():
        return None
    return dict(row.items())


_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"']*)""")


class Outline:
    """Follows the tags around the rows and says in one sentence what is wrong with a file."""

    def __init__(self, dump: Dump, root: str) -> None:
        self.dump = dump
        self.root = root.encode()
        self.opened = self.closed = False

    def follow(self, block: Block, rows: Mask) -> list[tuple[int, bytes]]:
        """Check a block's tags that are no rows; return the strays, which belong to no dump, with their places."""
        if block.offset == 0 and block.data[: block.starts[0]].tobytes().strip(b"\xef\xbb\xbf \t\r\n"):
            raise self._no_dump()
        if self.closed:
            raise self.broken("goes on after its end")
        strays = []
        for number in np.flatnonzero(~rows).tolist():
            if not self.opened and rows[:number].any():
                raise self._no_dump()
            piece = block.piece(number)
            if not self.closed and not self._belongs(piece):
                if not self.opened:
                    raise self._no_dump()
                strays.append((block.offset + int(block.starts[number]), piece))
            if self.closed and number < len(rows) - 1:
                raise self.broken("goes on after its end")
        if not self.opened and rows.any():
            raise self._no_dump()
        return strays

    def finish(self, rows: int) -> None:
        """Refuse a file that ended before its closing tag."""
        if not self.opened:
            raise self._no_dump()
        if not self.closed:
            raise self.broken(f"malformed or cut off after {rows:,} rows")

    def broken(self, what: str) -> StudyError:
        """Return the error for a file that cannot be read to its end."""
        return StudyError(f"{self.dump}: {what}; get the dump again.")

    def _belongs(self, piece: bytes) -> bool:
        text = piece.strip()
        if text == b"</" + self.root + b">":
            self.closed = True
        elif text == b"<" + self.root + b">" or text == b"<" + self.root + b"/>":
            self.opened, self.closed = True, text.endswith(b"/>")
        elif text.startswith(b"<!DOCTYPE") and not self.opened:
            if b"[" in text:
                raise StudyError(f"{self.dump}: declares entities of its own, as no dump does; refused as unsafe.")
        elif text.startswith(b"<?xml ") and not self.opened:
            encoding = _ENCODING.search(text)
            if encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii"):
                raise self.broken(f"not in UTF-8 but in {encoding[1][:20].decode('ascii', 'replace')}")
        else:
            return text == b"</row>" or (text.startswith(b"<!--") and text.endswith(b"-->"))
        return True

    def _no_dump(self) -> StudyError:
        return StudyError(f"{self.dump}: not a Stack Exchange dump (no <{self.root.decode()}> at its beginning).")
