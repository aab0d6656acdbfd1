import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import make_model, make_tokenizer
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedModel,
)

from lima_utils.errors import StudyError
from lima_utils.generation import sampling as module
from lima_utils.generation.sampling import Generated, draw, generate, penalise, plan_batches
from lima_utils.generation.settings import Sampling

TOKENIZER = make_tokenizer(bos_token="<doc>", eos_token="<eot>")
EOT = TOKENIZER.convert_tokens_to_ids("<eot>")
PROMPTS = [[1, *range(3, 3 + length)] for length in (1, 9, 4, 17, 2, 2, 12, 6)]
PLAIN = Sampling(max_new_tokens=20, repetition_penalty=1.0, greedy=True)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return make_model(len(TOKENIZER), seed=3)


def run(model: PreTrainedModel, prompts: list[list[int]], sampling: Sampling, **options: object) -> list[Generated]:
    seeds = options.pop("seeds", [100 + sum(prompt) for prompt in prompts])
    return generate(model, TOKENIZER, prompts, sampling, stop_ids=[EOT], pad_id=0, seeds=seeds, **options)


def library_greedy(model: PreTrainedModel, prompt: list[int], new: int, penalty: float = 1.0) -> list[int]:
    out = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt)),
        do_sample=False,
        repetition_penalty=penalty,
        max_new_tokens=new,
        eos_token_id=EOT,
        pad_token_id=0,
    )
    return list(out[0, len(prompt) :].tolist())


FAMILIES = {
    "gpt2": GPT2Config(vocab_size=30, n_embd=16, n_layer=2, n_head=2, n_positions=64),
    "gpt-neox": GPTNeoXConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    ),
    "opt": OPTConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=32,
        word_embed_proj_dim=16,
        max_position_embeddings=64,
    ),
    "mistral with a window": MistralConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        sliding_window=6,
    ),
    "gemma3 with windows in some layers": Gemma3TextConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        intermediate_size=32,
        sliding_window=6,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    ),
}


@pytest.mark.parametrize("family", ["llama", *FAMILIES])
def test_greedy_equals_the_library_prompt_by_prompt(family: str, model: PreTrainedModel) -> None:
    if family != "llama":
        torch.manual_seed(4)
        FAMILIES[family].initializer_range = 0.4
        model = AutoModelForCausalLM.from_config(FAMILIES[family]).eval()
    found = run(model, PROMPTS, PLAIN)
    for prompt, response in zip(PROMPTS, found, strict=True):
        assert list(response.token_ids) == library_greedy(model, prompt, 20)
        assert response.stop == ("eot" if response.token_ids[-1] == EOT else "length")
    assert len({response.token_ids for response in found}) > 4


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("penalty", [1.0, 1.2])
def test_a_response_does_not_depend_on_its_batch(model: PreTrainedModel, greedy: bool, penalty: float) -> None:
    whole = Sampling(max_new_tokens=30, temperature=1.0, repetition_penalty=penalty, greedy=greedy)
    single = whole.model_copy(update={"batch_tokens": 1})
    expected = run(model, PROMPTS, whole, entropy=True)
    alone = run(model, PROMPTS, single, entropy=True)
    backwards = run(model, PROMPTS[::-1], whole.model_copy(update={"batch_tokens": 150}), entropy=True)[::-1]
    for one, two, three in zip(expected, alone, backwards, strict=True):
        assert one.token_ids == two.token_ids == three.token_ids
        assert one.entropies == pytest.approx(two.entropies, abs=1e-5)
    assert {response.stop for response in expected} == {"eot", "length"} or greedy


def test_the_seed_alone_decides_what_is_sampled(model: PreTrainedModel) -> None:
    free = Sampling(max_new_tokens=12, temperature=2.0, top_p=1.0, repetition_penalty=1.0)
    prompts = [PROMPTS[1]] * 3
    first, second, third = run(model, prompts, free, seeds=[1, 2, 1])
    assert first == third != second


def test_entropies_are_those_of_the_untouched_distribution(model: PreTrainedModel) -> None:
    prompt = PROMPTS[1]
    [response] = run(model, [prompt], Sampling(max_new_tokens=5), entropy=True)
    ids = torch.tensor([[*prompt, *response.token_ids]])
    logs = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert response.entropies == pytest.approx((-(logs.exp() * logs).sum(-1)).tolist(), abs=1e-5)


def nucleus(probabilities: list[float], top_p: float) -> set[int]:
    """The definition: the fewest most probable tokens whose mass reaches top_p."""
    kept: set[int] = set()
    mass = 0.0
    for index in sorted(range(len(probabilities)), key=lambda i: -probabilities[i]):
        if mass >= top_p:
            break
        kept.add(index)
        mass += probabilities[index]
    return kept


@settings(deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=2, max_size=12, unique=True), st.floats(0.1, 1.0))
def test_drawn_tokens_follow_the_renormalised_nucleus(logits: list[float], top_p: float) -> None:
    row = torch.tensor(logits)
    if row.sort().values.diff().min() < 1e-3:
        return
    sampling = Sampling(top_p=top_p, temperature=0.7)
    count = 2000
    uniform = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    tokens = draw(row.expand(count, -1), uniform, sampling)
    probabilities = (row.double() / 0.7).softmax(-1).tolist()
    kept = nucleus(probabilities, top_p)
    mass = sum(probabilities[i] for i in kept)
    near = any(abs(sum(sorted(probabilities)[-k:]) - top_p) < 1e-5 for k in range(len(probabilities)))
    if near:
        return  # rounding may place the border one token further
    for index, probability in enumerate(probabilities):
        share = (tokens == index).double().mean().item()
        assert share == pytest.approx(probability / mass if index in kept else 0.0, abs=2 / count)


def test_a_wide_nucleus_is_found_beyond_the_first_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(2))
    uniform = torch.rand(50, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    wide = Sampling(top_p=0.95, temperature=1.5)
    found = draw(logits, uniform, wide)
    monkeypatch.setattr(module, "HEAD", 300)
    assert torch.equal(found, draw(logits, uniform, wide))


@pytest.mark.parametrize("on", ["response", "all"])
def test_the_penalty_counts_the_prompt_only_if_asked_to(model: PreTrainedModel, on: str) -> None:
    sampling = PLAIN.model_copy(update={"repetition_penalty": 1.5, "penalty_on": on})
    found = [list(response.token_ids) for response in run(model, PROMPTS, sampling)]
    library = [library_greedy(model, prompt, 20, penalty=1.5) for prompt in PROMPTS]  # which counts the prompt
    assert (found == library) == (on == "all")


def test_the_penalty_touches_seen_tokens_only() -> None:
    logits = torch.tensor([[2.0, -2.0, 3.0, -3.0]])
    seen = torch.tensor([[True, True, False, False]])
    assert penalise(logits, seen, 2.0).tolist() == [[1.0, -4.0, 3.0, -3.0]]


def test_a_strong_penalty_forbids_to_say_a_token_twice(model: PreTrainedModel) -> None:
    strong = Sampling(max_new_tokens=10, greedy=True, repetition_penalty=1e6)
    for response in run(model, PROMPTS, strong):
        positive = list(response.token_ids)
        assert len(set(positive)) == len(positive)


def test_stop_strings_end_the_response_and_are_cut_off(model: PreTrainedModel) -> None:
    free = Sampling(max_new_tokens=40, temperature=3.0, top_p=1.0, repetition_penalty=1.0)
    plain = run(model, PROMPTS, free)
    stopped = run(model, PROMPTS, free, stops=["rose"])
    rose = TOKENIZER.convert_tokens_to_ids("rose")
    assert any(rose in response.token_ids for response in plain)
    for before, after in zip(plain, stopped, strict=True):
        cut = before.token_ids.index(rose) + 1 if rose in before.token_ids else len(before.token_ids)
        assert after.token_ids == before.token_ids[:cut]
        assert "rose" not in after.text
        assert before.text.startswith(after.text)
        assert after.stop == ("eot" if rose in before.token_ids else before.stop)


def test_responses_end_at_the_models_context(model: PreTrainedModel) -> None:
    long = [[1] + [5] * 59, [1, 4]]
    first, second = run(model, long, Sampling(max_new_tokens=30, greedy=True))
    assert len(first.token_ids) <= 4
    assert first.stop == "length" or first.token_ids[-1] == EOT
    assert second.token_ids == run(model, long[1:], Sampling(max_new_tokens=30, greedy=True))[0].token_ids
    with pytest.raises(StudyError, match="prompt 1 has 64 tokens"):
        run(model, [[1], [1] * 64], PLAIN)


def test_batches_take_the_longest_first_and_keep_to_their_size() -> None:
    sampling = Sampling(max_new_tokens=10, batch_tokens=60)
    batches = list(plan_batches([5, 20, 5, 10, 60], sampling))
    assert batches == [[4], [1, 3], [0, 2]]


def test_every_batch_is_handed_over_as_it_finishes(model: PreTrainedModel) -> None:
    seen: list[dict[int, Generated]] = []
    responses = run(model, PROMPTS, PLAIN.model_copy(update={"batch_tokens": 60}), on_done=seen.append)
    assert len(seen) > 2
    assert {i: r for batch in seen for i, r in batch.items()} == dict(enumerate(responses))
