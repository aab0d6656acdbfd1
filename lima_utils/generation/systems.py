"""Systems answer prompts: one function, whatever the system is."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.generation.prompts import choose_demonstrations, encode_for
from lima_utils.generation.remote import ask_endpoint, read_recorded
from lima_utils.generation.responses import ResponseLog
from lima_utils.generation.sampling import Generated, generate
from lima_utils.generation.settings import Sampling, System
from lima_utils.models import load_model
from lima_utils.records import Dialogue, Message, Response


@dataclass(frozen=True)
class Engine:
    """A model in memory, ready to answer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def pad_id(self) -> int:
        """A token to pad with; padding is masked, so any will do where the tokenizer has none."""
        return int(self.tokenizer.pad_token_id or 0)

    @property
    def stop_ids(self) -> set[int]:
        """The tokens that end a response: those that the generation settings name, and bos, which opens a new text."""
        named = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ends = named if isinstance(named, list) else [named, self.tokenizer.eos_token_id, self.tokenizer.bos_token_id]
        return {int(token) for token in ends if token is not None} - {self.tokenizer.pad_token_id}


def load_engine(name: str, revision: str | None = None, dtype: str = "float32") -> Engine:
    """Load a checkpoint's folder or a hub model for answering."""
    return Engine(*load_model(name, revision, dtype))


def respond(
    system: System,
    prompts: Sequence[Dialogue],
    sampling: Sampling,
    seed: int,
    *,
    engine: Engine | None = None,
    demonstrations: Sequence[Dialogue] = (),
    log: ResponseLog | None = None,
    turn: int = 0,
) -> list[Response]:
    """Return `samples` responses of `system` to every prompt (dialogues that end with the user), in their order.

    `engine` holds the model where it is already in memory, else ``system.model`` is loaded. `demonstrations` are the
    training dialogues that an in-context system draws its examples from. With a `log`, responses are appended to it as
    they finish and those it holds are not made again.
    """
    if wrong := [prompt.id for prompt in prompts if not prompt.messages or prompt.messages[-1]["role"] != "user"]:
        raise StudyError(f"prompt {wrong[0]}: its last turn is not the user's, so there is nothing to answer.")
    if system.kind == "recorded":
        return read_recorded(system, prompts, seed)
    keys = [(prompt, sample) for prompt in prompts for sample in range(sampling.samples)]
    done = {} if log is None else dict(log.done)
    open_jobs = [
        (prompt, sample, prompt_seed(seed, prompt.id, sample, turn))
        for prompt, sample in keys
        if (prompt.id, sample, turn) not in done
    ]

    def keep(responses: list[Response]) -> None:
        done.update({(response.prompt_id, response.sample, turn): response for response in responses})
        if log is not None:
            log.append(responses)

    def make(index: int, text: str, stop: str, tokens: int) -> Response:
        prompt, sample, _ = open_jobs[index]
        return Response(prompt.id, system.name, text, stop, tokens, sample, seed, turn)  # type: ignore[arg-type]

    if system.kind == "endpoint":
        ask_endpoint(system, open_jobs, sampling, lambda *answer: keep([make(*answer)]))
    elif open_jobs:
        if engine is None:
            if system.model is None:
                raise StudyError(f"system {system.name!r}: no model was given; set systems.model to a folder or name.")
            engine = load_engine(system.model, system.revision)
        shown = choose_demonstrations(system, demonstrations, seed)

        def keep_generated(batch: Mapping[int, Generated]) -> None:
            keep([make(index, end.text, end.stop, len(end.token_ids)) for index, end in batch.items()])

        generate(
            engine.model,
            engine.tokenizer,
            encode_for(system, engine.tokenizer, [prompt for prompt, _, _ in open_jobs], shown),
            sampling,
            stop_ids=engine.stop_ids,
            pad_id=engine.pad_id,
            seeds=[job_seed for _, _, job_seed in open_jobs],
            stops=system.format.stops if system.kind in ("base", "in-context") else (),
            on_done=keep_generated,
        )
    return [done[prompt.id, sample, turn] for prompt, sample in keys]


def converse(
    system: System,
    scripts: Sequence[Dialogue],
    sampling: Sampling,
    seed: int,
    *,
    engine: Engine | None = None,
    demonstrations: Sequence[Dialogue] = (),
    log: ResponseLog | None = None,
) -> list[Response]:
    """Let `system` answer scripted user turns one after the other, each in the light of its own earlier answers.

    A script holds user turns only. Responses come turn by turn, numbered by `turn`; one sample each.
    """
    single = sampling.model_copy(update={"samples": 1})
    if engine is None and system.kind not in ("endpoint", "recorded") and system.model is not None:
        engine = load_engine(system.model, system.revision)
    told: dict[str, list[Message]] = {script.id: [] for script in scripts}
    responses: list[Response] = []
    for turn in range(max((len(script.messages) for script in scripts), default=0)):
        going = [script for script in scripts if len(script.messages) > turn]
        for script in going:
            told[script.id].append(script.messages[turn])
        answers = respond(
            system,
            [replace(script, messages=list(told[script.id])) for script in going],
            single,
            seed,
            engine=engine,
            demonstrations=demonstrations,
            log=log,
            turn=turn,
        )
        for answer in answers:
            told[answer.prompt_id].append(Message(role="assistant", content=answer.text))
        responses += answers
    return responses


def prompt_seed(seed: int, prompt_id: str, sample: int, turn: int = 0) -> int:
    """Return the seed of one response: a digest of the run's seed, the prompt, the sample and the turn."""
    text = f"{seed}/{prompt_id}/{sample}/{turn}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def model_print(folder: Path) -> list[tuple[str, int, int]]:
    """Return what tells one model folder from another: names, sizes and times of its weight files."""
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.safetensors"))]
