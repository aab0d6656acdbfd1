"""Responses on disk: appended as they finish, so that a killed run re-generates nothing."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lima_utils.files import ensure_directory
from lima_utils.records import Response

Key = tuple[str, int, int, str]
"""Prompt, sample, turn, and a digest of what was asked: a prompt that is edited keeps its id, not its answer."""


class ResponseLog:
    """The responses of one system under one set of settings, in a JSON-lines file that only grows.

    The file's name holds a digest of `settings`, so responses made under other settings are never taken up again.
    """

    def __init__(self, folder: Path, settings: Any) -> None:
        self.path = ensure_directory(folder) / f"responses-{digest(settings)}.jsonl"
        self.done: dict[Key, Response] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        """Take up what is there; a last line that a kill cut short is cut off."""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            row = json.loads(line)
            self._add(row.pop("asked"), Response(**row))

    def _add(self, asked: str, response: Response) -> None:
        self.done[response.prompt_id, response.sample, response.turn, asked] = response

    def append(self, responses: Iterable[tuple[str, Response]]) -> None:
        """Write responses, each with the digest of what was asked, so that they survive the process."""
        with self.path.open("a", encoding="utf-8") as file:
            for asked, response in responses:
                file.write(json.dumps({"asked": asked, **asdict(response)}, ensure_ascii=False) + "\n")
                self._add(asked, response)
            file.flush()
            os.fsync(file.fileno())


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that stand for a value, e.g. settings or messages."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
