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

Key = tuple[str, int, int]
"""Prompt, sample and turn."""


class ResponseLog:
    """The responses of one system under one set of settings, in a JSON-lines file that only grows.

    The file's name holds a digest of `settings`, so responses made under other settings are never taken up again.
    """

    def __init__(self, folder: Path, settings: Any) -> None:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.path = ensure_directory(folder) / f"responses-{digest}.jsonl"
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
            self._add(Response(**json.loads(line)))

    def _add(self, response: Response) -> None:
        self.done[response.prompt_id, response.sample, response.turn] = response

    def append(self, responses: Iterable[Response]) -> None:
        """Write responses so that they survive the process."""
        with self.path.open("a", encoding="utf-8") as file:
            for response in responses:
                file.write(json.dumps(asdict(response), ensure_ascii=False) + "\n")
                self._add(response)
            file.flush()
            os.fsync(file.fileno())
