import json
from pathlib import Path

import polars as pl
import pytest
from small_models import dialogue, make_dialogues, make_model, make_tokenizer

from lima_utils.generation import __main__ as generation
from lima_utils.records import Dialogue, Response, read_rows, write_rows
from lima_utils.tuning import __main__ as tuning

PROFILE = """
description: A test.
base: {model: base}
tuning: {epochs: 2, batch: 2, learning_rate: 1.0e-3, precision: fp32}
generation: {max_new_tokens: 5}
systems:
  - {name: tuned, kind: checkpoint}
  - {name: plain, kind: base}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(PROFILE)
    tokenizer = make_tokenizer(bos_token="<doc>", eos_token="</s>")
    make_model(len(tokenizer)).save_pretrained("base")
    tokenizer.save_pretrained("base")
    train = [Dialogue(id=f"d/{i}", source="t", messages=m) for i, m in enumerate(make_dialogues())]
    write_rows(Path("train.parquet"), train, Dialogue)
    prompts = [Dialogue(id="p/0", source="t", messages=dialogue("the sea ?"), split="test")]
    write_rows(Path("prompts.parquet"), prompts, Dialogue)
    return tmp_path


def test_the_two_commands_tune_and_answer(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune = ["--profile", "small.yaml", "--dialogues", "train.parquet", "--out", "out"]
    assert tuning.main(tune) == 0
    assert "out/epoch-02: 4 steps" in capsys.readouterr().out
    assert json.loads((place / "out" / "epoch-01" / "manifest.json").read_text())["epoch"] == 1
    answer = ["--profile", "small.yaml", "--prompts", "prompts.parquet", "--out", "answers.parquet"]
    assert generation.main([*answer, "--model", "out/epoch-02"]) == 0
    [response] = read_rows(place / "answers.parquet", Response, "the test")
    assert (response.prompt_id, response.system) == ("p/0", "tuned")
    assert generation.main([*answer, "--system", "plain"]) == 0
    assert pl.read_parquet("answers.parquet")["system"].to_list() == ["plain"]


def test_wrong_commands_get_a_sentence(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generation.main(["--profile", "small.yaml", "--prompts", "prompts.parquet", "--system", "best"]) == 2
    assert "the profile has tuned, plain" in capsys.readouterr().err
    assert generation.main(["--profile", "small.yaml", "--prompts", "nowhere.parquet"]) == 2
    assert "nowhere.parquet is missing" in capsys.readouterr().err
    assert tuning.main(["--profile", "small.yaml", "--dialogues", "prompts.parquet", "--out", "out"]) == 2
    assert "empty" in capsys.readouterr().err
    assert not (place / "out" / "epoch-02").exists()
