import pytest
import torch
from small_models import make_model
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    MistralConfig,
    MixtralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from lima_utils.errors import StudyError
from lima_utils.tuning.dropout import find_branches, find_layers, layer_rates, residual_dropout

COMMON = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
PLAIN = {key: value for key, value in COMMON.items() if key != "num_key_value_heads"}
FAMILIES: dict[str, tuple[PreTrainedConfig, list[str]]] = {
    "mistral": (MistralConfig(**COMMON), ["self_attn", "mlp"]),
    "qwen2": (Qwen2Config(**COMMON), ["self_attn", "mlp"]),
    "qwen3": (Qwen3Config(**COMMON, head_dim=8), ["self_attn", "mlp"]),
    "gemma": (GemmaConfig(**COMMON, head_dim=8), ["self_attn", "mlp"]),
    "gemma2": (Gemma2Config(**COMMON, head_dim=8), ["post_attention_layernorm", "post_feedforward_layernorm"]),
    "gemma3": (Gemma3TextConfig(**COMMON, head_dim=8), ["post_attention_layernorm", "post_feedforward_layernorm"]),
    "mixtral": (MixtralConfig(**COMMON, num_local_experts=4), ["self_attn", "mlp"]),
    "qwen3-moe": (
        Qwen3MoeConfig(**COMMON, head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16),
        ["self_attn", "mlp"],
    ),
    "gpt-neox": (GPTNeoXConfig(**PLAIN), ["post_attention_dropout", "post_mlp_dropout"]),
    "gpt2": (GPT2Config(vocab_size=40, n_embd=16, n_layer=3, n_head=2, n_positions=64), ["attn", "mlp"]),
    "opt": (
        OPTConfig(**{k: v for k, v in PLAIN.items() if k != "intermediate_size"}, ffn_dim=32, word_embed_proj_dim=16),
        ["self_attn", "fc2"],
    ),
    "phi": (PhiConfig(**COMMON), ["resid_dropout"]),
}


def make(config: PreTrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    for name in ("attention_dropout", "hidden_dropout", "dropout", "resid_pdrop", "attn_pdrop", "embd_pdrop"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_branches_are_found_in_every_family(family: str) -> None:
    config, names = FAMILIES[family]
    model = make(config)
    assert find_branches(model) == [names] * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_rates_by_layer_as_measured_from_what_reaches_the_stream(family: str) -> None:
    model = make(FAMILIES[family][0])
    kept: dict[int, list[torch.Tensor]] = {}
    branches = find_branches(model)
    with residual_dropout(model, 0.3, branches):
        for layer, names in enumerate(branches):
            for module in map(find_layers(model)[layer].get_submodule, names):

                def record(_: nn.Module, __: object, output: object, layer: int = layer) -> None:
                    value = output[0] if isinstance(output, tuple) else output
                    kept.setdefault(layer, []).append(value.detach())

                module.register_forward_hook(record)
        model.train()
        torch.manual_seed(1)
        model(input_ids=torch.randint(3, 40, (32, 48)), use_cache=False)
    for layer, rate in enumerate([0.0, 0.15, 0.3]):
        for values in kept[layer]:
            share = (values == 0).double().mean().item()
            spread = (rate * (1 - rate) / values.numel()) ** 0.5
            assert abs(share - rate) <= 5 * spread, (layer, share)


def test_dropout_is_off_at_evaluation_and_gone_afterwards() -> None:
    model, ids = make_model(30, layers=3), torch.arange(8)[None]
    plain = model(input_ids=ids).logits
    with residual_dropout(model, 0.5, find_branches(model)):
        assert torch.equal(model(input_ids=ids).logits, plain)
        model.train()
        assert not torch.equal(model(input_ids=ids).logits, plain)
    assert torch.equal(model(input_ids=ids).logits, plain)


def test_gradient_checkpointing_recomputes_the_same_dropout() -> None:
    gradients = []
    for checkpointing in (False, True):
        model = make_model(30, layers=3).train()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        with residual_dropout(model, 0.5, find_branches(model)):
            torch.manual_seed(7)
            model(input_ids=torch.arange(8)[None], use_cache=False).logits.square().sum().backward()
        gradients.append(model.model.layers[0].mlp.up_proj.weight.grad)
    assert torch.allclose(*gradients, rtol=1e-5)


def test_a_compiled_model_drops_as_well() -> None:
    model, ids = make_model(30, layers=3), torch.arange(8)[None]
    with residual_dropout(model, 0.5, find_branches(model)):
        compiled = torch.compile(model, backend="aot_eager")
        plain = model(input_ids=ids).logits
        assert torch.allclose(compiled(input_ids=ids).logits, plain, atol=1e-5)
        model.train()
        torch.manual_seed(1)
        first, second = compiled(input_ids=ids).logits, compiled(input_ids=ids).logits
        assert not torch.allclose(first, second)
        assert not torch.allclose(first, plain)
    torch.compiler.reset()


def test_rates_grow_linearly_from_zero() -> None:
    assert layer_rates(4, 0.3) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert layer_rates(1, 0.3) == [0.0]


@pytest.mark.parametrize(
    "config",
    [
        BloomConfig(vocab_size=40, hidden_size=16, n_layer=2, n_head=2),
        OPTConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            ffn_dim=32,
            word_embed_proj_dim=16,
            do_layer_norm_before=False,
        ),
    ],
    ids=["module adds the stream itself", "norm on the stream"],
)
def test_where_dropout_would_hit_the_stream_it_is_refused(config: PreTrainedConfig) -> None:
    with pytest.raises(StudyError, match="residual_dropout to 0"):
        find_branches(make(config))
