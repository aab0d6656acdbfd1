"""A client for any OpenAI-compatible chat endpoint: retries with growing pauses, a log that nothing is paid for twice.

Every answer is appended to a JSON lines log the moment it arrives, under the digest of what was asked (address, model,
messages, temperature, room). A second run, or one after a kill, asks only what the log does not hold. The key is read
from the environment and stands in no log and no message.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from tqdm import tqdm

from lima_utils.errors import StudyError
from lima_utils.files import ensure_directory
from lima_utils.judging.settings import JudgeSettings
from lima_utils.records import Message

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
REJECTED = frozenset({400, 413, 422})
"""Statuses that concern one request (too long, not accepted): counted, not fatal, not logged."""
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request: its text, and why it ended; `rejected` where the server would not take it."""

    text: str
    finish: str
    """The server's finish reason; ``refused`` where it declined to answer, ``rejected`` where it took no request."""
    tokens: int = 0
    """Tokens paid for, as the server counts them (0 where it does not say)."""


class AnswerLog:
    """An append-only JSON lines file of answers by digest; a last line cut off by a kill is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replies: dict[str, Reply] = {}
        self._lock = threading.Lock()
        ensure_directory(path.parent)
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # a run was killed within its last line: that answer is asked for again
            os.truncate(path, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = json.loads(line)
                self.replies[row["key"]] = Reply(row["text"], row["finish"], row["tokens"])
            except (ValueError, KeyError, TypeError) as error:
                raise StudyError(
                    f"{path}, line {number}: not an answer of the log ({error}); remove the line to ask again."
                ) from error

    def append(self, key: str, reply: Reply) -> None:
        """Keep one answer, on disk before anything else is done with it."""
        line = json.dumps({"key": key, **asdict(reply)}, ensure_ascii=False) + "\n"
        with self._lock, self.path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
            self.replies[key] = reply


def ask_all(settings: JudgeSettings, log: AnswerLog, requests: Mapping[str, list[Message]]) -> dict[str, Reply]:
    """Return a reply for each named request, from the log where it holds one; equal requests are sent once.

    StudyError where the endpoint cannot be reached, refuses the key or the model, or rejects every request; answers
    that had arrived stay in the log, and the same call continues from them.
    """
    keys = {name: _digest(settings, messages) for name, messages in requests.items()}
    wanted = {key: requests[name] for name, key in keys.items() if key not in log.replies}
    rejected: dict[str, Reply] = {}
    if wanted:
        rejected = _ask_missing(settings, log, wanted)
    return {name: log.replies.get(key) or rejected[key] for name, key in keys.items()}


def _ask_missing(settings: JudgeSettings, log: AnswerLog, wanted: Mapping[str, list[Message]]) -> dict[str, Reply]:
    """Ask what the log lacks, several requests at a time, and return the ones that the server rejected."""
    rejected: dict[str, Reply] = {}
    with (
        httpx.Client(timeout=settings.timeout_s, headers=_headers(settings)) as client,
        ThreadPoolExecutor(settings.workers) as pool,
    ):
        tasks = {pool.submit(_ask, client, settings, messages): key for key, messages in wanted.items()}
        try:
            for task in tqdm(as_completed(tasks), total=len(tasks), desc="judging", disable=None):
                reply = task.result()
                if reply.finish == "rejected":
                    rejected[tasks[task]] = reply
                else:
                    log.append(tasks[task], reply)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if len(rejected) == len(wanted):
        raise StudyError(
            f"{settings.url}: rejected all {len(wanted)} requests ({next(iter(rejected.values())).text}); "
            "check the judge's model and max_tokens."
        )
    return rejected


def _ask(client: httpx.Client, settings: JudgeSettings, messages: list[Message]) -> Reply:
    """Send one request, with retries, and return its reply; StudyError where no retry will help."""
    body = _body(settings, messages)
    url = f"{settings.url.rstrip('/')}/chat/completions"
    problem = ""
    for attempt in range(settings.retries + 1):
        pause = min(LONGEST_PAUSE_S, 0.5 * 2**attempt)
        try:
            answer = client.post(url, json=body)
        except httpx.TransportError as error:
            problem = f"{type(error).__name__}: {error}".strip(": ")
        else:
            if answer.status_code == 200:
                return _read_reply(url, answer)
            problem = f"status {answer.status_code}: {_message(answer)}"
            if answer.status_code in REJECTED:
                return Reply(problem, "rejected")
            if answer.status_code not in RETRIED:
                hint = "check api_key_env" if answer.status_code in (401, 403) else "check url and model"
                raise StudyError(f"{url}: {problem}; {hint} in the judge's settings.")
            pause = _asked_pause(answer, pause)
        if attempt < settings.retries:
            time.sleep(pause)
    raise StudyError(
        f"{url}: no answer after {settings.retries + 1} attempts ({problem}); answers so far are kept, run it again."
    )


def _body(settings: JudgeSettings, messages: list[Message]) -> dict[str, Any]:
    return {
        "model": settings.model,
        "messages": messages,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
    }


def _digest(settings: JudgeSettings, messages: list[Message]) -> str:
    text = json.dumps([settings.url.rstrip("/"), _body(settings, messages)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _headers(settings: JudgeSettings) -> dict[str, str]:
    if not settings.api_key_env:
        return {}
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key:
        raise StudyError(f"judge: the environment variable {settings.api_key_env} is not set; put the key there.")
    return {"Authorization": f"Bearer {key}"}


def _read_reply(url: str, answer: httpx.Response) -> Reply:
    """Return the first choice of a completion; StudyError where the body is no completion."""
    try:
        data = answer.json()
        choice = data["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        finish = str(choice.get("finish_reason") or "stop")
        if message.get("refusal") or finish == "content_filter":
            return Reply(str(message.get("refusal") or text), "refused")
        return Reply(str(text), finish, int((data.get("usage") or {}).get("total_tokens") or 0))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise StudyError(f"{url}: the answer is not a chat completion; check that url ends where /v1 does.") from error


def _message(answer: httpx.Response) -> str:
    """Return the server's own words, shortened."""
    try:
        error = answer.json()["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        text = answer.text
    return " ".join(str(text).split())[:200] or "no message"


def _asked_pause(answer: httpx.Response, pause: float) -> float:
    """Return the pause that the server asks for, in seconds, where it asks for one."""
    try:
        return min(LONGEST_PAUSE_S, max(0.0, float(answer.headers["retry-after"])))
    except (KeyError, ValueError):
        return pause
