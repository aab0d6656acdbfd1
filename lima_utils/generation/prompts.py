"""What a system reads: a dialogue as turns, in a chat model's own template, or written out as plain text."""

import random
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from lima_utils.errors import StudyError
from lima_utils.generation.settings import PlainFormat, System
from lima_utils.records import Dialogue, Message
from lima_utils.turns import encode_prompts


def write_plain(messages: Sequence[Message], form: PlainFormat, demonstrations: Sequence[Dialogue] = ()) -> str:
    """Return the text that a base continues: preamble, demonstrations, the dialogue so far and the answer's opening."""
    told = [message for shown in demonstrations for message in shown.messages] + list(messages)
    forms = {"user": form.user, "assistant": form.assistant, "system": "{text}\n"}
    return form.preamble + "".join(forms[m["role"]].replace("{text}", m["content"]) for m in told) + form.opening


def choose_demonstrations(system: System, dialogues: Sequence[Dialogue], seed: int) -> list[Dialogue]:
    """Return the examples that an in-context system is shown, the same for every prompt (URIAL, arXiv 2312.01552)."""
    if system.kind != "in-context":
        return []
    if len(dialogues) < system.demonstrations:
        raise StudyError(
            f"system {system.name!r} shows {system.demonstrations} demonstrations but {len(dialogues)} dialogues were "
            "given; give more, or lower systems.demonstrations."
        )
    return random.Random(f"demonstrations {seed}").sample(list(dialogues), system.demonstrations)


def encode_for(
    system: System,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Dialogue],
    demonstrations: Sequence[Dialogue] = (),
) -> list[list[int]]:
    """Return the token ids that `system` continues, one list per prompt."""
    conversations = [prompt.messages for prompt in prompts]
    if system.kind == "checkpoint":
        return encode_prompts(tokenizer, conversations, int(tokenizer.eos_token_id))
    if system.kind == "chat":
        return [
            list(tokenizer.apply_chat_template(list(m), add_generation_prompt=True, return_dict=False))  # type: ignore[arg-type]
            for m in conversations
        ]
    texts = [write_plain(messages, system.format, demonstrations) for messages in conversations]
    bos = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    return [[*bos, *ids] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
