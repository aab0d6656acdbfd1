"""Systems that are not run here: an OpenAI-compatible endpoint, and a file of recorded outputs."""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from lima_utils.errors import StudyError
from lima_utils.files import require
from lima_utils.generation.settings import Sampling, System
from lima_utils.records import Dialogue, Response

ATTEMPTS = 6
"""Tries per request; the wait doubles from one second."""
CONCURRENT = 8
"""Requests under way at once."""


def ask_endpoint(
    system: System,
    jobs: Sequence[tuple[Dialogue, int, int]],
    sampling: Sampling,
    on_done: Callable[[int, str, str, int], None],
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Send each job (prompt, sample, seed) to ``/chat/completions``; hand `on_done` its index, text, stop and tokens.

    The protocol has no repetition penalty, so none is sent. StudyError names the endpoint's last answer.
    """
    key = os.environ.get(system.key_variable)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{str(system.url).rstrip('/')}/chat/completions"
    with (
        httpx.Client(headers=headers, timeout=600, transport=transport) as client,
        ThreadPoolExecutor(CONCURRENT) as pool,
    ):

        def ask(job: tuple[Dialogue, int, int]) -> tuple[str, str, int]:
            prompt, _, seed = job
            body: dict[str, Any] = {
                "model": system.model,
                "messages": prompt.messages,
                "max_tokens": sampling.max_new_tokens,
            }
            body |= {"seed": seed % 2**31, "temperature": 0 if sampling.greedy else sampling.temperature}
            return _read_answer(_post(client, url, body | {"top_p": sampling.top_p}), url)

        for index, (text, stop, tokens) in enumerate(pool.map(ask, jobs)):
            on_done(index, text, stop, tokens)


def _post(client: httpx.Client, url: str, body: dict[str, Any]) -> Any:
    reason = ""
    for attempt in range(ATTEMPTS):
        try:
            answer = client.post(url, json=body)
        except httpx.HTTPError as error:
            reason = str(error)
        else:
            if answer.is_success:
                try:
                    return answer.json()
                except ValueError as error:
                    raise StudyError(f"{url}: the answer is not JSON; check systems.url (it ends in /v1).") from error
            reason = f"status {answer.status_code}: {answer.text[:200]}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        if attempt + 1 < ATTEMPTS:
            time.sleep(2.0**attempt)
    raise StudyError(f"{url}: no answer ({reason}); check systems.url, the model's name and the key, then run again.")


def _read_answer(answer: Any, url: str) -> tuple[str, str, int]:
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        tokens = int((answer.get("usage") or {}).get("completion_tokens") or len(text.split()))
        return text.strip(), "length" if choice.get("finish_reason") == "length" else "eot", tokens
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"{url}: the answer is not in the form of chat completions; check systems.url.") from error


def read_recorded(system: System, prompts: Sequence[Dialogue], seed: int, turn: int = 0) -> list[Response]:
    """Return the recorded outputs to `prompts`.

    The file is JSON or JSON lines of ``{"instruction", "output"}``, AlpacaEval's form. Prompts are found by the text of
    their last turn; tokens are counted as words, as the file holds none. StudyError names what is missing or wrong.
    """
    path = require(Path(str(system.path)), "the system that it records, or correct systems.path,")
    outputs = _read_outputs(path)
    missing = [prompt.id for prompt in prompts if prompt.messages[-1]["content"].strip() not in outputs]
    if missing:
        raise StudyError(
            f"{path}: {len(missing)} of {len(prompts)} prompts have no recorded output, the first is {missing[0]}; "
            "give a file recorded on the same prompts."
        )
    texts = [outputs[prompt.messages[-1]["content"].strip()] for prompt in prompts]
    return [
        Response(prompt.id, system.name, text.strip(), "eot", len(text.split()), seed=seed, turn=turn)
        for prompt, text in zip(prompts, texts, strict=True)
    ]


def _read_outputs(path: Path) -> dict[str, str]:
    """Return output by instruction; an instruction may stand twice only with one and the same output."""
    try:
        text = path.read_text(encoding="utf-8")
        rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(x) for x in text.splitlines() if x]
        pairs = [(row["instruction"].strip(), row["output"]) for row in rows]
        if wrong := [output for _, output in pairs if not isinstance(output, str)]:
            raise TypeError(f"output {wrong[0]!r} is no text")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path}: expected JSON objects with 'instruction' and 'output' ({error!r}); convert the file to that form."
        ) from error
    outputs: dict[str, str] = {}
    for instruction, output in pairs:
        if outputs.setdefault(instruction, output) != output:
            raise StudyError(
                f"{path}: two outputs to the instruction {instruction[:60]!r}; keep one, as answers are found by it."
            )
    return outputs
