"""A step is the same whatever micro-batches it is made of; TRL's is not."""

from pathlib import Path

import pytest
import torch

from helpers.random_pairs import uneven_pairs
from helpers.tiny_model import make_rows, write_rows
from helpers.training import losses, make_run, run
from helpers.watched_trainer import Watch, config_of, difference, load, stock_step, train_on, watch
from orpo_studio.data.pair import Pair
from orpo_studio.trainer.orpo import Objective
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.tokens import tokenize_pairs

PAIRS = uneven_pairs(6, seed=5, longest=20)
LAMBDA = 0.3
ROLES = (("user", "prompt"), ("assistant", "chosen"), ("assistant", "rejected"))


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return watch(monkeypatch)


# The seed decides which pairs come together; 5 of 6 leave a micro-batch of one, or fewer micro-batches, at the end.
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("micro_batch", "accumulation", "pairs"), [(1, 6, 6), (2, 3, 6), (3, 2, 6), (2, 3, 5), (4, 2, 5)]
)
def test_that_micro_batches_give_the_step_of_one_batch(
    tmp_path: Path, tiny_model: Path, watching: Watch, micro_batch: int, accumulation: int, pairs: int, seed: int
) -> None:
    batch = PairBatch(PAIRS.pairs[:pairs])
    split = config_of(
        tmp_path, beta=LAMBDA, seed=seed, per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=accumulation,
    )  # fmt: skip
    whole = stock_step(load(tiny_model, adapter="full").model, batch, LAMBDA)

    train_on(load(tiny_model, adapter="full"), batch, split)

    (step,) = watching.steps
    assert sorted(step.rows) == sorted(whole.rows)
    assert step.loss == pytest.approx(whole.loss, abs=1e-6)
    assert difference(step.gradients, whole.gradients) < 2e-6


def test_that_trls_mean_of_means_is_another(tmp_path: Path, tiny_model: Path, watching: Watch) -> None:
    split = config_of(tmp_path, beta=LAMBDA, seed=1, per_device_train_batch_size=2, gradient_accumulation_steps=3)
    whole = stock_step(load(tiny_model, adapter="full").model, PAIRS, LAMBDA)

    trainer = train_on(load(tiny_model, adapter="full"), PAIRS, split, objective=Objective(mean_over="micro_batch"))

    (step,) = watching.steps
    apart = [stock_step(load(tiny_model, adapter="full").model, batch, LAMBDA) for batch in trainer._step.batches]
    assert step.loss == pytest.approx(sum(one.loss for one in apart) / 3, abs=1e-6)
    mean = {name: sum(one.gradients[name] for one in apart) / 3 for name in whole.gradients}
    assert difference(step.gradients, mean) < 2e-6
    assert difference(step.gradients, whole.gradients) > 1e-2


def answer_nll(model: Path, rows: list[dict[str, str]]) -> float:
    """Return the mean over all tokens of all chosen answers, in float64."""
    loaded = load(model)
    pairs = [
        Pair(*([{"role": role, "content": row[name]}] for role, name in ROLES), number)
        for number, row in enumerate(rows, start=1)
    ]
    tokenized = tokenize_pairs(pairs, loaded.tokenizer, loaded.template, max_length=128).pairs
    wide = loaded.model.double().eval()
    logps: list[float] = []
    with torch.no_grad():
        for pair in tokenized:
            scores = wide(input_ids=torch.tensor([pair.chosen])).logits[0].log_softmax(-1)
            places = range(pair.chosen_prompt, len(pair.chosen))
            logps += [float(scores[place - 1, pair.chosen[place]]) for place in places]
    return -sum(logps) / len(logps)


@pytest.mark.parametrize("micro_batch", [1, 2, 6])
def test_that_the_answer_alone_is_counted_as_in_the_paper(tmp_path: Path, tiny_model: Path, micro_batch: int) -> None:
    rows = make_rows(8)
    held_out = write_rows(tmp_path / "held_out.jsonl", rows[6:])
    recipe = {
        "max_steps": 1, "micro_batch": micro_batch, "accumulation": 6 // micro_batch, "sft_tokens": "answer",
    }  # fmt: skip
    folder = make_run(
        tmp_path, tiny_model, write_rows(tmp_path / "pairs.jsonl", rows[:6]), recipe=recipe,
        data={"held_out_file": str(held_out)},
    )  # fmt: skip

    events = run(folder)

    assert losses(events, "nll_loss")[1] == pytest.approx(answer_nll(tiny_model, rows[:6]), rel=2e-6)
