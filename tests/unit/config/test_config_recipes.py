"""Recipes as files."""

from pathlib import Path

import pytest

from orpo_studio import paths
from orpo_studio.config import SpecError, check, load_recipe, load_recipes

HEAD = 'title = "T"\nsummary = "S"\nsource = "Somewhere"\n'


def test_that_the_programs_own_recipes_load_and_can_be_started() -> None:
    recipes = {recipe.id: recipe for recipe in load_recipes(paths.resources() / "recipes")}
    assert {"demo", "gpu-8gb-qlora", "gpu-24gb-lora", "paper-mistral"} <= recipes.keys()
    for recipe in recipes.values():
        assert not check({**recipe.values, "model": {"path": "m"}, "data": {"source": "d"}}).errors, recipe.id


def test_that_the_papers_recipe_holds_the_papers_values() -> None:
    values = load_recipe(paths.resources() / "recipes" / "paper-mistral.toml").values["recipe"]
    assert values["lambda"] == 0.1
    assert values["learning_rate"] == 5e-6
    assert (values["schedule"], values["warmup"], values["epochs"]) == ("inverse_sqrt", 200, 5)
    assert (values["adapter"], values["max_length"]) == ("full", 2048)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('title = "T"\nsummary = "S"\n', "does not say its source"),
        ('summary = "S"\n', "title and source"),
        (HEAD + "[recipe]\nlambda = 99\n", "recipe.lambda"),
        (HEAD + "[recipe]\nlambada = 1\n", "Did you mean “lambda”?"),
        ("title = ", "cannot be read"),
    ],
)
def test_that_a_broken_recipe_is_refused_in_words(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(SpecError) as caught:
        load_recipe(file)
    assert words in str(caught.value)
    assert "mine.toml" in str(caught.value)
