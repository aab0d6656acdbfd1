"""Frames set aside on disk, for what would grow with the dump if it waited in memory."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lima_utils.errors import StudyError

PILED = 2_000
"""Rows that a pile keeps in memory before it sets them aside."""


class Shelf:
    """A temporary folder of frames, removed when neither it nor any of its frames is in use."""

    def __init__(self) -> None:
        with disk_told():
            self.folder = Path(tempfile.mkdtemp(prefix="lima-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def set_aside(self, frame: pl.DataFrame) -> "Aside":
        """Write a frame to a file of its own; StudyError where the disk is full."""
        with disk_told(), tempfile.NamedTemporaryFile(dir=self.folder, suffix=".arrow", delete=False) as file:
            frame.write_ipc(file.name, compat_level=pl.CompatLevel.newest())
        return Aside(self, Path(file.name), len(frame))


@dataclass(frozen=True, slots=True)
class Aside:
    """A frame in a file, and the number of its rows."""

    shelf: Shelf
    path: Path
    height: int

    def read(self) -> pl.DataFrame:
        """Return the frame."""
        return pl.read_ipc(self.path)


class Pile:
    """Rows in the order in which they were added, set aside `PILED` or a few more at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._waiting: list[pl.DataFrame] = []
        self._asides: list[Aside] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows, of the same columns as those before; StudyError where the disk is full."""
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= PILED:
            self._set_aside()

    def read(self) -> pl.DataFrame:
        """Return all rows that were added; something has to have been added, if only a frame without rows."""
        return pl.concat([*(aside.read() for aside in self._asides), *self._waiting])

    def asides(self) -> list[Aside]:
        """Return all rows that were added, none of them in memory."""
        self._set_aside()
        return self._asides

    def _set_aside(self) -> None:
        if any(map(len, self._waiting)):
            self._asides.append(self._shelf.set_aside(pl.concat(self._waiting)))
            self._waiting.clear()


@contextmanager
def disk_told() -> Iterator[None]:
    """Turn a failure to write to the temporary folder into one sentence."""
    try:
        yield
    except OSError as error:
        raise StudyError(
            f"{tempfile.gettempdir()}: cannot set parts of a dump aside ({error.strerror or error}); free space there "
            "or name another folder in the environment variable TMPDIR."
        ) from error
