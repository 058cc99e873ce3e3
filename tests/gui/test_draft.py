"""The draft: raw text stays, everything is checked at once, everything can be undone."""

import pytest

from orpo_studio.config import Recipe, RunSpec, find_option
from orpo_studio.gui.draft import Draft, only_known

LAMBDA = find_option("recipe.lambda")


@pytest.fixture
def draft(qapp: object) -> Draft:
    return Draft({})


def test_that_text_which_is_no_number_stays_and_is_reported_at_its_field(draft: Draft) -> None:
    draft.set_text("recipe.lambda", "a lot")

    assert draft.value(LAMBDA) == "a lot"
    assert "recipe.lambda" in [issue.name for issue in draft.checked.errors]


def test_that_all_problems_show_at_once(draft: Draft) -> None:
    draft.set_text("recipe.lambda", "-1")
    draft.set_text("recipe.micro_batch", "none")
    draft.set_text("recipe.max_length", "2")

    wrong = {issue.name for issue in draft.checked.errors}
    assert wrong >= {"recipe.lambda", "recipe.micro_batch", "recipe.max_length"}


def test_that_typing_in_one_field_is_undone_as_a_whole(draft: Draft) -> None:
    for text in ("0", "0.", "0.2", "0.25"):
        draft.set_text("recipe.lambda", text)
    draft.undo.undo()

    assert draft.value(LAMBDA) == LAMBDA.default


def test_that_edits_of_two_fields_are_undone_one_by_one(draft: Draft) -> None:
    draft.set("recipe.lambda", 0.3)
    draft.set("recipe.seed", 7)
    draft.undo.undo()

    assert draft.value(LAMBDA) == 0.3
    assert draft.value(find_option("recipe.seed")) == 42


def test_that_a_recipe_replaces_the_recipe_and_leaves_model_and_data(draft: Draft) -> None:
    draft.set("model.path", "/models/one")
    draft.set("recipe.seed", 7)
    draft.apply_recipe(Recipe("r", "R", "s", "t", {"recipe": {"lambda": 0.05}}))

    assert draft.value(LAMBDA) == 0.05
    assert draft.value(find_option("recipe.seed")) == 42
    assert draft.value(find_option("model.path")) == "/models/one"


def test_that_a_runs_settings_can_be_taken_over_and_given_back(draft: Draft) -> None:
    draft.set("recipe.seed", 7)
    draft.load(RunSpec.model_validate({"name": "old", "recipe": {"lambda": 0.4}}))
    assert draft.values["name"] == "old"
    assert draft.value(LAMBDA) == 0.4

    draft.undo.undo()
    assert draft.value(find_option("recipe.seed")) == 7


def test_that_a_remembered_draft_loses_only_what_this_version_does_not_know() -> None:
    remembered = {"name": "x", "recipe": {"lambda": 0.2, "gone": 1}, "elsewhere": {}, "data": "broken"}

    assert only_known(remembered) == {"name": "x", "recipe": {"lambda": 0.2}}
