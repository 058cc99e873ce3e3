"""The loss that is trained on and the loss that is measured are the paper's, and TRL's."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny_model import ENDED, make_rows, write_rows, write_tiny_model
from helpers.training import losses, make_run, of_kind, reference_orpo, run
from orpo_studio.config import RunSpec
from orpo_studio.data.pair import Pair
from orpo_studio.events import EvaluationMetrics
from orpo_studio.trainer.adapter import load_for_training
from orpo_studio.trainer.load import Loaded, read_card
from orpo_studio.trainer.measure import log_odds, measure_pairs, summarize
from orpo_studio.trainer.tokens import TokenizedPair, tokenize_pairs


@pytest.fixture
def ended_model(tmp_path: Path) -> Path:
    """A model whose template ends an answer with the end token itself, as stock TRL wants it."""
    return write_tiny_model(tmp_path / "model", chat_template=ENDED)


def load(model: Path, **recipe: Any) -> Loaded:
    spec = RunSpec.model_validate({"model": {"path": str(model)}, "recipe": recipe})
    return load_for_training(spec, read_card(spec))


def some_pairs(count: int) -> list[Pair]:
    return [
        Pair(
            [{"role": "user", "content": row["prompt"]}],
            [{"role": "assistant", "content": row["chosen"]}],
            [{"role": "assistant", "content": row["rejected"]}],
            number,
        )
        for number, row in enumerate(make_rows(count), start=1)
    ]


def in_float64(loaded: Loaded, pairs: list[TokenizedPair], lambda_: float) -> dict[str, float]:
    model = loaded.model.double().eval()
    rows = []
    with torch.no_grad():
        for pair in pairs:
            logits = [model(input_ids=torch.tensor([ids])).logits[0] for ids in (pair.chosen, pair.rejected)]
            rows.append((logits[0], pair.chosen, pair.chosen_prompt, logits[1], pair.rejected, pair.rejected_prompt))
    return reference_orpo(rows, lambda_)


def test_that_the_measurement_agrees_with_the_float64_reference(tiny_model: Path) -> None:
    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(7), loaded.tokenizer, loaded.template, max_length=60).pairs

    figures = summarize(measure_pairs(loaded, pairs, batch=3), 0.25)

    for name, value in in_float64(loaded, pairs, 0.25).items():
        assert figures[name] == pytest.approx(value, rel=2e-6), name
    assert figures["loss"] == pytest.approx(figures["nll_loss"] + figures["odds_ratio_loss"])


def test_that_the_first_training_loss_agrees_with_the_float64_reference(tmp_path: Path, tiny_model: Path) -> None:
    rows = make_rows(8)
    data = write_rows(tmp_path / "pairs.jsonl", rows[:6])
    held_out = write_rows(tmp_path / "held_out.jsonl", rows[6:])
    recipe = {"max_steps": 1, "micro_batch": 6, "accumulation": 1, "lambda": 0.3}
    folder = make_run(tmp_path, tiny_model, data, recipe=recipe, data={"held_out_file": str(held_out)})

    events = run(folder)

    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(6), loaded.tokenizer, loaded.template, max_length=128).pairs
    for name, value in in_float64(loaded, pairs, 0.3).items():
        assert losses(events, name)[1] == pytest.approx(value, rel=2e-6, abs=1e-6), name


def test_that_training_gives_the_losses_of_stock_trl(tmp_path: Path, ended_model: Path) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    rows = make_rows(12)
    data = write_rows(tmp_path / "pairs.jsonl", rows[:10])
    held_out = write_rows(tmp_path / "held_out.jsonl", rows[10:])
    recipe = {"max_steps": 50, "mean_over": "micro_batch"}
    folder = make_run(tmp_path, ended_model, data, recipe=recipe, data={"held_out_file": str(held_out)})
    ours = run(folder)

    turns = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for row in rows[:10]
    ]
    config = ORPOConfig(
        output_dir=str(tmp_path / "stock"), beta=0.1, max_length=128, learning_rate=5e-3, max_steps=50, warmup_steps=5,
        per_device_train_batch_size=2, gradient_accumulation_steps=2, seed=42, use_cpu=True, bf16=False,
        activation_checkpointing=False, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
        optim="adamw_torch",
    )  # fmt: skip
    stock = ORPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(ended_model),
        args=config,
        train_dataset=Dataset.from_list(turns),
        processing_class=AutoTokenizer.from_pretrained(ended_model),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    stock.train()

    theirs = [entry for entry in stock.state.log_history if "loss" in entry]
    assert len(theirs) == 50
    for entry in theirs:
        step = entry["step"]
        assert losses(ours, "learning_rate")[step] == entry["learning_rate"]
        assert losses(ours)[step] == pytest.approx(entry["loss"], abs=1e-4)
        assert losses(ours, "grad_norm")[step] == pytest.approx(entry["grad_norm"], rel=2e-3)
        for name in ("nll_loss", "rewards/chosen", "rewards/margins", "logps/chosen", "logps/rejected"):
            assert losses(ours, name)[step] == pytest.approx(entry[name], abs=1e-4), name
        assert losses(ours, "log_odds")[step] == pytest.approx(entry["log_odds_chosen"], abs=1e-3)
        assert losses(ours, "rewards/accuracies")[step] == entry["rewards/accuracies"]


def test_that_the_log_odds_stay_finite_from_certain_to_impossible() -> None:
    for mean_logp in (0.0, -1e-12, -1e-8, -1e-3, -math.log(2), -5.0, -500.0):
        assert math.isfinite(log_odds(mean_logp))
    assert log_odds(math.log(0.5)) == pytest.approx(0.0, abs=1e-12)
    assert log_odds(math.log(0.8)) == pytest.approx(math.log(0.8 / 0.2))


def test_that_accuracy_goes_by_the_mean_and_not_by_the_sum(tmp_path: Path, tiny_model: Path) -> None:
    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(8), loaded.tokenizer, loaded.template, max_length=128).pairs
    measures = measure_pairs(loaded, pairs, batch=4)

    # Chosen answers are several times longer here, so by sums nearly all of them would lose.
    sums = [
        m.chosen_logp * (len(p.chosen) - p.chosen_prompt) > m.rejected_logp * (len(p.rejected) - p.rejected_prompt)
        for m, p in zip(measures, pairs, strict=True)
    ]
    means = [m.chosen_logp > m.rejected_logp for m in measures]
    assert summarize(measures, 0.1)["rewards/accuracies"] == sum(means) / 8
    assert sum(sums) != sum(means)


def test_that_measuring_in_other_batches_changes_nothing(tiny_model: Path) -> None:
    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(9), loaded.tokenizer, loaded.template, max_length=128).pairs

    one = summarize(measure_pairs(loaded, pairs, batch=1), 0.1)
    many = summarize(measure_pairs(loaded, pairs, batch=9), 0.1)

    assert one == pytest.approx(many, rel=1e-5)


def test_that_before_is_the_base_and_after_is_what_was_trained(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    events = run(make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 15, "learning_rate": 2e-2}))

    before, *_, after = of_kind(events, EvaluationMetrics)
    assert (before.moment, after.moment) == ("before", "after")
    assert after.values["loss"] < before.values["loss"] - 0.5
    assert after.values["rewards/margins"] > before.values["rewards/margins"]


def test_that_measuring_goes_on_in_smaller_batches_where_memory_is_short(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(9), loaded.tokenizer, loaded.template, max_length=128).pairs
    expected = measure_pairs(loaded, pairs, batch=1)
    decode = loaded.model.get_base_model().model.forward
    sizes = []

    def short(input_ids: torch.Tensor, **options: Any) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(input_ids=input_ids, **options)

    monkeypatch.setattr(loaded.model.get_base_model().model, "forward", short)

    found = measure_pairs(loaded, pairs, batch=9)

    assert sizes[2:5] == [18, 8, 4]  # after the shortest pair, measured both ways
    assert summarize(found, 0.1) == pytest.approx(summarize(expected, 0.1), rel=1e-5)


def test_that_a_model_with_logits_of_its_own_is_measured_by_them(tiny_model: Path) -> None:
    loaded = load(tiny_model)
    pairs = tokenize_pairs(some_pairs(4), loaded.tokenizer, loaded.template, max_length=128).pairs
    plain = summarize(measure_pairs(loaded, pairs, batch=2), 0.1)
    causal = loaded.model.get_base_model()
    forward = causal.forward

    def hotter(**options: Any) -> Any:
        outputs = forward(**options)
        outputs.logits = outputs.logits * 3
        return outputs

    causal.forward = hotter
    found = summarize(measure_pairs(loaded, pairs, batch=2), 0.1)
    causal.forward = forward

    assert found["nll_loss"] > plain["nll_loss"] + 0.1
