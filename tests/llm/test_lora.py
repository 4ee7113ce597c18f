"""Teaching a local model: answers become likelier, prompts are not learnt, and what was taught is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import AssetError, InputError
from penchant.llm import lora
from penchant.llm.local import LocalModel
from penchant.llm.lora import Example, LoraSettings, Tuned, answer_losses, open_tuned, tune
from penchant.llm.model import Choice, Choose, Message

SETTINGS = LoraSettings(steps=30, batch=2, learning_rate=2e-2, dropout=0.1, seed=3)
OPTIONS = ("war", "western", "western comedy", "drama")


def example(prompt: str, answer: str) -> Example:
    return Example((Message("user", prompt),), answer)


EXAMPLES = [example("the fox", "drama"), example("the dog", "war"), example("a film", "western comedy")]


@pytest.fixture(scope="module")
def taught(tiny: LocalModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, Path]:
    folder = tmp_path_factory.mktemp("tuned") / "one"
    return tune(tiny, EXAMPLES, folder, SETTINGS), folder


def scores(model: LocalModel) -> np.ndarray:
    found = model.choose([Choose(one.messages, OPTIONS) for one in EXAMPLES])
    return np.array([one.scores for one in found if isinstance(one, Choice)])


def test_answers_become_likelier_and_the_model_itself_stays(tiny: LocalModel, taught: tuple[Tuned, Path]) -> None:
    before, after = answer_losses(tiny, EXAMPLES), answer_losses(taught[0].model, EXAMPLES)
    assert (after < before - 0.5).all()
    assert taught[0].losses.shape == (SETTINGS.steps,)
    assert taught[0].losses[-5:].mean() < taught[0].losses[:5].mean()
    assert before == pytest.approx(answer_losses(tiny, EXAMPLES))
    assert not any("lora" in name for name, _ in tiny._network.named_parameters())


def test_a_loss_is_of_answer_tokens_alone(tiny: LocalModel) -> None:
    row = lora._tokens(tiny, EXAMPLES[:1])[0]
    assert row.tokens[-1] == tiny._end
    assert tiny._tokenizer.decode(row.tokens[row.prompt : -1]) == "drama"
    with torch.inference_mode():
        told = tiny._network(torch.tensor([row.tokens])).logits[0].double().log_softmax(dim=1)
    found = [-float(told[place - 1, row.tokens[place]]) for place in range(row.prompt, len(row.tokens))]
    assert answer_losses(tiny, EXAMPLES[:1])[0] == pytest.approx(np.mean(found), abs=1e-4)


def test_rows_of_a_batch_do_not_see_each_other_nor_what_pads_them(tiny: LocalModel) -> None:
    rows = lora._tokens(tiny, [example("a", "war"), example("the quick brown fox jumps", "western comedy and drama")])
    answers = [len(row.tokens) - row.prompt for row in rows]
    with torch.inference_mode():
        both = float(lora._loss(tiny._network, rows))
        alone = [float(lora._loss(tiny._network, [row])) for row in rows]
    assert both == pytest.approx(np.average(alone, weights=answers), abs=1e-4)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tiny: LocalModel, taught: tuple[Tuned, Path], tmp_path: Path) -> None:
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = tune(tiny, EXAMPLES, tmp_path / "again", SETTINGS)
    assert torch.equal(torch.get_rng_state(), state), "nobody else's chance is touched"
    assert again.losses.tolist() == taught[0].losses.tolist()
    for one, other in zip(again.model._network.parameters(), taught[0].model._network.parameters(), strict=True):
        assert torch.equal(one, other)
    other = tune(tiny, EXAMPLES, tmp_path / "other", SETTINGS.but(seed=4))
    assert other.losses.tolist() != again.losses.tolist()


def test_what_was_taught_comes_back_from_its_folder_under_a_name_of_its_own(tiny: LocalModel, taught: tuple[Tuned, Path]) -> None:
    tuned, folder = taught
    read = open_tuned(folder, like=tiny)
    assert np.array_equal(scores(read.model), scores(tuned.model))
    assert read.losses.tolist() == tuned.losses.tolist()
    assert read.model.name == tuned.model.name == f"{tiny.name} + LoRA"
    assert len({read.model.fingerprint(), tiny.fingerprint()}) == 2
    assert scores(LocalModel(folder, bf16=False)) == pytest.approx(scores(tuned.model)), "any program opens it"


def test_what_cannot_be_taught_is_told(tiny: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="examples="):
        tune(tiny, [], tmp_path)
    with pytest.raises(InputError, match="reads at most"):
        tune(tiny, [example("word " * 2000, "war")], tmp_path)
    with pytest.raises(AssetError, match=r"targets=\['nose'\]"):
        tune(tiny, EXAMPLES, tmp_path, SETTINGS.but(targets=("nose",)))
    with pytest.raises(AssetError, match="no model was taught there"):
        open_tuned(tmp_path)
