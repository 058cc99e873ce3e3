"""Base and tuned model measured and heard side by side."""

import json
from pathlib import Path

import pytest

from helpers.training import make_run, of_kind, run
from orpo_studio.events import EvaluationFinished, EvaluationMetrics, JobEnded, SampleAnswer
from orpo_studio.runs import Job


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_that_an_evaluation_repeats_the_figures_of_the_training(
    tmp_path: Path, tiny_model: Path, pairs_file: Path, adapter: str
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 4, "adapter": adapter})
    trained = of_kind(run(folder), EvaluationMetrics)

    events = run(folder, Job.EVALUATE, prompts=["where is the cat?", "why?"])

    assert of_kind(events, JobEnded)[0].outcome == "completed"
    (finished,) = of_kind(events, EvaluationFinished)
    assert finished.pairs == 4
    assert finished.before == pytest.approx(trained[0].values, rel=1e-5)
    assert finished.after == pytest.approx(trained[-1].values, rel=1e-5)
    assert [(e.source, e.prompt) for e in of_kind(events, SampleAnswer)] == [
        ("base", "where is the cat?"),
        ("base", "why?"),
        ("tuned", "where is the cat?"),
        ("tuned", "why?"),
    ]
    result = json.loads((folder.path / finished.file).read_text())
    assert len(result["per_pair"]) == 4
    assert [answer["prompt"] for answer in result["answers"]] == ["where is the cat?", "why?"]
    margins = [pair["margin_after"] for pair in result["per_pair"]]
    assert result["after"]["rewards/margins"] == pytest.approx(result["lambda"] * sum(margins) / 4)


def test_that_prompts_come_from_the_held_out_pairs_when_none_are_given(
    tmp_path: Path, tiny_model: Path, pairs_file: Path
) -> None:
    folder = make_run(tmp_path, tiny_model, pairs_file, recipe={"max_steps": 1})
    run(folder)

    (finished,) = of_kind(run(folder, Job.EVALUATE, pairs=2), EvaluationFinished)

    result = json.loads((folder.path / finished.file).read_text())
    assert result["pairs"] == 2
    assert [answer["prompt"] for answer in result["answers"]] == [result["per_pair"][0]["prompt"]]
