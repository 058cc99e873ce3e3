"""Checks of a whole specification."""

from typing import Any

import pytest

from orpo_studio.config import check

COMPLETE = {"model": {"path": "demo"}, "data": {"source": "demo"}}


def messages(values: dict[str, Any]) -> dict[str, str]:
    return {issue.name: issue.message for issue in check({**COMPLETE, **values}).issues}


def test_that_a_model_and_data_are_all_that_must_be_named() -> None:
    checked = check(COMPLETE)
    assert checked.spec is not None
    assert checked.issues == ()


def test_that_an_empty_specification_misses_model_and_data_but_serves_as_a_recipe() -> None:
    assert {issue.name for issue in check({}).errors} == {"model.path", "data.source"}
    assert check({}, to_start=False).spec is not None


def test_that_every_problem_is_told_at_once() -> None:
    recipe = {"lambda": -1, "epochs": "many", "adapter": "full", "quantization": "nf4", "lmbda": 1}
    found = {issue.name for issue in check({"recipe": recipe}).errors}
    assert found == {
        "recipe.lambda", "recipe.epochs", "recipe.lmbda", "recipe.quantization", "model.path", "data.source",
    }  # fmt: skip


def test_that_an_unknown_key_is_answered_with_the_nearest() -> None:
    assert messages({"recipe": {"lernrate": 1}}).keys() == {"recipe.lernrate"}
    assert "Did you mean “lora_rank”?" in messages({"recipe": {"lora_rnk": 8}})["recipe.lora_rnk"]


def test_that_a_key_in_the_wrong_section_is_sent_to_its_own() -> None:
    assert "Did you mean “recipe.epochs”?" in messages({"train": {"epochs": 2}})["train.epochs"]


def test_that_an_unknown_section_is_answered_with_the_nearest() -> None:
    assert "Did you mean “recipe”?" in messages({"recipes": {}})["recipes"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("lambda", 0, "must be above 0 and at most 10"),
        ("lambda", float("nan"), "finite number"),
        ("lora_rank", "wide", "needs a whole number; “wide” is not one"),
        ("epochs", "long", "needs a number"),
        ("epochs", "", "needs a number, such as 0.1 or 5e-5."),
        ("epochs", "1,5", "write “1,5” with a point"),
        ("epochs", "a\x00b\nc", "“a b c” is not one"),
        ("epochs", "x" * 10_000, f"“{'x' * 39}…” is not one"),
        ("schedule", "square", "is one of linear, cosine, constant, inverse_sqrt"),
        ("use_dora", "perhaps", "either true or false"),
    ],
)
def test_that_a_wrong_value_is_explained_in_words(key: str, value: object, words: str) -> None:
    assert words in messages({"recipe": {key: value}})[f"recipe.{key}"]


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ({"adapter": "full", "quantization": "8bit", "learning_rate": 8e-6}, "recipe.quantization"),
        ({"lora_targets": []}, "recipe.lora_targets"),
        ({"warmup": 10.5}, "recipe.warmup"),
    ],
)
def test_that_contradictions_forbid_a_start(recipe: dict[str, Any], name: str) -> None:
    checked = check({**COMPLETE, "recipe": recipe})
    assert checked.spec is None
    assert [issue.name for issue in checked.errors] == [name]


@pytest.mark.parametrize(
    ("recipe", "warns"),
    [
        ({"learning_rate": 1e-6}, True),
        ({"learning_rate": 1e-3}, True),
        ({"learning_rate": 5e-5}, False),
        ({"adapter": "full", "learning_rate": 8e-6}, False),
        ({"adapter": "full", "learning_rate": 2e-4}, True),
    ],
)
def test_that_an_unusual_learning_rate_is_a_warning_and_no_error(recipe: dict[str, Any], warns: bool) -> None:
    checked = check({**COMPLETE, "recipe": recipe})
    assert checked.spec is not None
    assert ([issue.name for issue in checked.issues] == ["recipe.learning_rate"]) is warns


def test_that_a_warm_up_longer_than_the_run_is_a_warning_so_that_a_short_trial_can_start() -> None:
    checked = check({**COMPLETE, "recipe": {"warmup": 200, "max_steps": 100}})
    assert checked.spec is not None
    assert [(issue.name, issue.severity) for issue in checked.issues] == [("recipe.warmup", "warning")]


def test_that_a_section_that_is_no_table_is_an_issue() -> None:
    assert "recipe" in messages({"recipe": 3})
