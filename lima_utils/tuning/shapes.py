"""A model's shape: how many weights it has and what one token costs, found from its configuration without its weights.

The bytes kept for the backward pass are counted on a twin of one and two layers whose tensors have shapes but no data,
so they hold for any architecture of the library.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, MistralConfig, PretrainedConfig

from lima_utils.errors import StudyError
from lima_utils.models import telling_what_is_missing
from lima_utils.tuning.settings import BaseSettings

KNOWN: dict[str, PretrainedConfig] = {
    # LLaMA, table 2 (arXiv 2302.13971); the feed-forward widths as published with the weights
    "huggyllama/llama-7b": LlamaConfig(),
    "huggyllama/llama-65b": LlamaConfig(
        hidden_size=8192, intermediate_size=22016, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=64
    ),
    # Mistral 7B, table 1 (arXiv 2310.06825)
    "mistralai/Mistral-7B-v0.1": MistralConfig(max_position_embeddings=32768),
}
"""Shapes that can be planned with where the hub cannot be reached."""
PROBE = 251
"""Tokens of the probe passage, a prime so that no activation has the size of a matrix."""


@dataclass(frozen=True)
class Shape:
    """What planning needs to know of a model."""

    layers: int
    width: int
    vocabulary: int
    layer_weights: int
    """Weights of one layer."""
    other_weights: int
    """Embedding, head and final norm."""
    active: float
    """Share of a layer's weights that one token passes through (below 1 for mixtures of experts)."""
    kept_per_layer: float
    """Bytes that one layer keeps for the backward pass, per token."""
    kept_besides: float
    """Bytes kept outside the layers, per token."""
    stream_bytes: int
    """Bytes of the residual stream per token: all that a checkpointed layer keeps."""

    @property
    def weights(self) -> int:
        """All weights."""
        return self.layers * self.layer_weights + self.other_weights

    @property
    def active_weights(self) -> float:
        """Weights that one token passes through, the embedding's table aside."""
        return self.layers * self.layer_weights * self.active + self.vocabulary * self.width


def read_shape(base: BaseSettings) -> Shape:
    """Return the shape of a base from its folder, from the shapes known here, or from the hub."""
    if base.model in KNOWN:
        config = KNOWN[base.model]
    else:
        with telling_what_is_missing(base.model):
            config = AutoConfig.from_pretrained(base.model, revision=base.revision or "main", trust_remote_code=False)
    return measure_shape(config, base.dtype)


def read_folder(folder: Path, dtype: str = "float32") -> Shape:
    """Return the shape of the model in `folder`."""
    return measure_shape(AutoConfig.from_pretrained(folder), dtype)


def measure_shape(config: PretrainedConfig, dtype: str = "float32") -> Shape:
    """Return the shape of a configuration, weights held in `dtype`, passes in bf16 (by autocast from float32)."""
    text: Any = config.get_text_config(decoder=True)
    routed = getattr(text, "num_experts_per_tok", None) or 1
    held = getattr(text, "num_local_experts", None) or getattr(text, "num_experts", None) or 1
    if held > 1 and dtype == "float32":
        raise StudyError("base.dtype float32: a mixture of experts can be planned in bfloat16 alone; set that.")
    one, two = (_count(_key(config, layers), dtype) for layers in (1, 2))
    experts = two["experts"] - one["experts"]
    per_layer = two["weights"] - one["weights"]
    return Shape(
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        vocabulary=text.vocab_size,
        layer_weights=per_layer,
        other_weights=one["weights"] - per_layer,
        active=1 - experts / per_layer * (1 - routed / held),
        kept_per_layer=(two["kept"] - one["kept"]) / PROBE,
        kept_besides=max(0, 2 * one["kept"] - two["kept"]) / PROBE,
        stream_bytes=text.hidden_size * (4 if dtype == "float32" else 2),
    )


def _key(config: PretrainedConfig, layers: int) -> str:
    """Return the configuration of a twin of so many layers, as JSON."""
    values = config.to_dict()
    text: Any = config.get_text_config(decoder=True)
    names = [name for name in ("num_hidden_layers", "n_layer", "num_layers") if name in values]
    values |= dict.fromkeys(names, layers)
    if types := getattr(text, "layer_types", None):
        values["layer_types"] = types[:layers]
    return str(type(config).from_dict(values).to_json_string(use_diff=False))


@cache
def _count(config_json: str, dtype: str) -> dict[str, int]:
    """Return a twin's weights, those of its experts, and the bytes it keeps for the backward pass of PROBE tokens."""
    values = json.loads(config_json)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with FakeTensorMode():
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).train()
        own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast("cpu", torch.bfloat16, enabled=dtype == "float32", cache_enabled=False),
        ):
            model.get_decoder()(input_ids=torch.zeros(1, PROBE, dtype=torch.long), use_cache=False)
        copies = {parameter.numel() * 2 for parameter in model.parameters() if parameter.ndim > 1}
        sizes = [storage.nbytes() for name, storage in kept.items() if name not in own]
        experts = sum(p.numel() for name, p in model.named_parameters() if ".experts." in name)
        weights = sum(parameter.numel() for parameter in model.parameters())
    # under autocast the bf16 copy of every matrix is kept too; those are counted with the weights, not per token
    return {"weights": weights, "experts": experts, "kept": sum(size for size in sizes if size not in copies)}
