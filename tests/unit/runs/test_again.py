"""What is offered to be changed before a run is started again."""

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.runs.again import changes_for


def spec(**data: object) -> RunSpec:
    return RunSpec.model_validate({"data": data, "recipe": {"learning_rate": 3e-5}})


def test_that_rows_to_blame_come_first_and_join_those_skipped_before() -> None:
    rows, rate = changes_for(spec(skip_rows=[3, "7-9"]), "non-finite", ["11", "3"])

    assert (rows.option, rows.value) == ("data.skip_rows", ("3", "7-9", "11"))
    assert rows.as_setting() == "--set 'data.skip_rows=3, 7-9, 11'"
    assert (rate.option, rate.value) == ("recipe.learning_rate", 1.5e-5)
    assert rate.as_setting() == "--set recipe.learning_rate=1.5e-5"


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("non-finite-weights", ["recipe.learning_rate", "data.skip_rows"]),
        ("float16-overflow", ["recipe.precision", "recipe.learning_rate"]),
        ("diverging", ["recipe.learning_rate"]),
        ("disk-full", []),
    ],
)
def test_that_each_problem_has_its_own_remedies(code: str, options: list[str]) -> None:
    assert [change.option for change in changes_for(spec(), code, ["1", "2"])] == options


def test_that_the_changed_settings_are_valid() -> None:
    values = spec().to_dict()
    for code in ("non-finite", "float16-overflow"):
        for change in changes_for(spec(), code, ["1"]):
            section, key = change.option.split(".")
            RunSpec.model_validate({**values, section: {**values.get(section, {}), key: change.value}})
