"""Rows of numbers kept apart by a key: in memory while they are few, in a temporary file beyond that.

What belongs together (a question and its answers) comes back together, a part of all rows at a time, so that pairing
takes as much memory for a dump of any size.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from lima_utils.curation.aside import disk_told

PARTS = 512
"""Parts that rows are kept apart in, by key: Stack Overflow's 60 million posts come back in about that many."""
TOGETHER = 1 << 16
"""Rows that wait in memory before they are written, and about as many as come back at a time."""
_NULL = np.iinfo(np.int64).min


class Partitions:
    """Rows with the integer columns of `schema` (nulls in Int64 alone), kept apart by the expression `key`."""

    def __init__(self, schema: Mapping[str, type[pl.DataType]], key: pl.Expr) -> None:
        self.rows = 0
        self._schema = dict(schema)
        self._part = (key % PARTS).cast(pl.UInt16).alias("part")
        self._type = pl.DataFrame(schema=self._schema).to_numpy(structured=True).dtype
        self._waiting: list[pl.DataFrame] = []
        self._pieces: list[npt.NDArray[np.int64]] = []
        """For each piece of the file: at which of its rows, counted over the file, every part begins, and the end."""
        self._file: int | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows; those of equal keys come back in the order in which they were added."""
        self._waiting.append(rows.select(list(self._schema)))
        self.rows += len(rows)
        if self.rows - self._written > TOGETHER:
            self._write()

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield all rows, those of one key in one batch; StudyError where the disk is full."""
        if not self._pieces:
            yield pl.concat([pl.DataFrame(schema=self._schema), *self._waiting], rechunk=True)
            return
        if self._waiting:
            self._write()
        edges = np.array(self._pieces)
        sizes = np.diff(edges, axis=1).sum(axis=0)
        first = 0
        while first < PARTS:
            last = first + 1
            while last < PARTS and sizes[first : last + 1].sum() <= TOGETHER:
                last += 1
            if sizes[first:last].sum():
                yield pl.concat([self._read(edge[first], edge[last]) for edge in edges], rechunk=True)
            first = last

    @property
    def _written(self) -> int:
        return int(self._pieces[-1][-1]) if self._pieces else 0

    def _write(self) -> None:
        """Append the waiting rows to the file, sorted by part."""
        rows = pl.concat(self._waiting).with_columns(self._part).sort("part", maintain_order=True)
        begins = np.searchsorted(rows["part"].to_numpy(), np.arange(PARTS + 1))
        whole = (
            rows.select(list(self._schema)).with_columns(pl.col(pl.Int64).fill_null(_NULL)).to_numpy(structured=True)
        )
        with disk_told():
            if self._file is None:
                file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
                weakref.finalize(self, file.close)
                self._file = file.fileno()
            data = memoryview(whole.tobytes())
            while data:
                data = data[os.write(self._file, data) :]
        self._pieces.append(begins + self._written)
        self._waiting.clear()

    def _read(self, first: int, last: int) -> pl.DataFrame:
        assert self._file is not None
        width = self._type.itemsize
        data = os.pread(self._file, int(last - first) * width, int(first) * width)
        rows = pl.DataFrame(np.frombuffer(data, self._type)).cast(self._schema)  # type: ignore[arg-type]
        return rows.with_columns(pl.when(pl.col(pl.Int64) != _NULL).then(pl.col(pl.Int64)))
