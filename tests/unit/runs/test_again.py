"""What is offered to be changed before a run is started again."""

import pytest

from orpo_studio.config import RunSpec, check
from orpo_studio.runs.again import changes_for, name_anew


def spec(**data: object) -> RunSpec:
    return RunSpec.model_validate({"data": data, "recipe": {"learning_rate": 3e-5}})


def test_that_rows_to_blame_come_first_and_join_those_skipped_before() -> None:
    rows, rate = changes_for(spec(skip_rows=[3, "7-9"]), "non-finite", ["11", "3"])

    assert rows.values == {"data.skip_rows": ("3", "7-9", "11")}
    assert rows.as_settings() == "--set 'data.skip_rows=3, 7-9, 11'"
    assert rate.values == {"recipe.learning_rate": 1.5e-5}
    assert rate.as_settings() == "--set recipe.learning_rate=1.5e-5"


@pytest.mark.parametrize(
    ("recipe", "offered", "title"),
    [
        ({"learning_rate": 8e-4}, 3e-4, "Start again with a learning rate of 0.0003"),
        ({"learning_rate": 5e-4}, 2.5e-4, "Start again with half the learning rate"),
        ({"learning_rate": 5e-4, "adapter": "full"}, 5e-5, "Start again with a learning rate of 5e-5"),
    ],
)
def test_that_no_rate_is_offered_that_is_warned_of(recipe: dict[str, object], offered: float, title: str) -> None:
    (change,) = changes_for(RunSpec.model_validate({"recipe": recipe}), "diverging")

    assert change.values == {"recipe.learning_rate": offered}
    assert change.title == title
    then = {**recipe, **{name.partition(".")[2]: value for name, value in change.values.items()}}
    assert not [issue for issue in check({"recipe": then}).issues if issue.name == "recipe.learning_rate"]


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("non-finite-weights", ["recipe.learning_rate", "data.skip_rows"]),
        ("float16-overflow", ["recipe.precision", "recipe.learning_rate"]),
        ("diverging", ["recipe.learning_rate"]),
        ("out-of-memory", ["recipe.gradient_checkpointing", "recipe.quantization", "recipe.max_length"]),
        (
            "memory-ran-out",
            ["recipe.micro_batch", "recipe.accumulation", "recipe.gradient_checkpointing", "recipe.max_length"],
        ),
        (
            "memory-likely-ran-out",
            ["recipe.micro_batch", "recipe.accumulation", "recipe.gradient_checkpointing", "recipe.max_length"],
        ),
        ("killed", []),
        ("disk-full", []),
    ],
)
def test_that_each_problem_has_its_own_remedies(code: str, options: list[str]) -> None:
    assert [option for change in changes_for(spec(), code, ["1", "2"]) for option in change.values] == options


@pytest.mark.parametrize(
    ("batch", "then", "title"),
    [
        ((8, 2), (4, 4), "4 pairs at a time"),
        ((2, 4), (1, 8), "1 pair at a time"),
        ((5, 4), (2, 10), "2 pairs at a time"),
        ((7, 1), (1, 7), "1 pair at a time"),
    ],
)
def test_that_fewer_pairs_at_a_time_leave_a_step_as_large(
    batch: tuple[int, int], then: tuple[int, int], title: str
) -> None:
    recipe = {"micro_batch": batch[0], "accumulation": batch[1]}
    change = changes_for(RunSpec.model_validate({"recipe": recipe}), "memory-ran-out")[0]
    assert tuple(change.values.values()) == then
    assert title in change.title
    assert change.as_settings() == f"--set recipe.micro_batch={then[0]} --set recipe.accumulation={then[1]}"


def test_that_what_saves_memory_already_is_not_offered() -> None:
    recipe = {"micro_batch": 1, "max_length": 100, "gradient_checkpointing": "on", "quantization": "nf4"}
    for code in ("out-of-memory", "memory-ran-out"):
        assert not changes_for(RunSpec.model_validate({"recipe": recipe}), code)


def test_that_the_changed_settings_are_valid() -> None:
    values = spec().to_dict()
    for code in ("non-finite", "float16-overflow", "out-of-memory", "memory-ran-out"):
        for change in changes_for(spec(), code, ["1"]):
            changed = {section: dict(options) for section, options in values.items() if isinstance(options, dict)}
            for name, value in change.values.items():
                section, key = name.split(".")
                changed.setdefault(section, {})[key] = value
            RunSpec.model_validate({**values, **changed})


@pytest.mark.parametrize(
    ("name", "taken", "wanted"),
    [
        ("", ["", "run"], ""),
        ("Bot", [], "Bot (2)"),
        ("Bot", ["Bot", "Bot (2)"], "Bot (3)"),
        ("Bot (2)", ["Bot (2)"], "Bot (3)"),
        ("Bot v2", ["Bot v2"], "Bot v2 (2)"),
    ],
)
def test_that_a_run_started_again_gets_a_name_of_its_own(name: str, taken: list[str], wanted: str) -> None:
    assert name_anew(name, taken) == wanted


def test_that_a_name_stays_as_short_as_names_must_be() -> None:
    RunSpec(name=name_anew("x" * 200, ()))
