"""From a command line to a checked specification: defaults, then the file, the recipe, and single options."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import DEMO, Issue, Kind, OptionError, RunSpec, all_options, check, find_option, load_recipes
from orpo_studio.config.option import did_you_mean
from orpo_studio.config.recipe import Recipe
from orpo_studio.config.toml import load_values
from orpo_studio.paths import expand, resources

Values = dict[str, Any]


def specification(arguments: argparse.Namespace) -> tuple[RunSpec, tuple[Issue, ...]]:
    """Return the specification that ``train``'s arguments describe, and what is worth a second look in it.

    Paths in a file are relative to the file, paths on the command line to the present folder.

    Raises:
        CommandError: something in it is wrong; every problem at once, each with its option.
        SpecError: the file cannot be read.
    """
    values: Values = {}
    if arguments.file is not None:
        values = _absolute(load_values(arguments.file), arguments.file.absolute().parent)
    if arguments.recipe is not None:
        _patch(values, find_recipe(arguments.recipe).values)
    named = [
        ("model.path", arguments.model),
        ("data.source", arguments.data),
        ("recipe.max_steps", arguments.max_steps),
    ]
    typed, unreadable = typed_values(named, arguments.settings)
    _patch(values, typed)
    if arguments.name is not None:
        values["name"] = arguments.name
    checked = check(values)
    seen = {issue.name for issue in unreadable}
    errors = [*unreadable, *(issue for issue in checked.errors if issue.name not in seen)]
    if errors or checked.spec is None:
        raise bad_settings(errors)
    return checked.spec, tuple(issue for issue in checked.issues if issue.severity == "warning")


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name among the program's own.

    Raises:
        CommandError: there is none.
    """
    recipes = {recipe.id: recipe for recipe in load_recipes(resources() / "recipes")}
    if name not in recipes:
        words = ErrorWords(
            "no-such-recipe",
            f"There is no recipe “{name}”.{did_you_mean(name, recipes)}",
            f"There are: {', '.join(recipes)}.",
            "Read about them with: orpo-studio help recipes",
        )
        raise CommandError(words, exit_code=2)
    return recipes[name]


def bad_settings(errors: list[Issue]) -> CommandError:
    """Return the error that lists every problem of a specification."""
    lines = "\n".join(f"  {issue.name}: {issue.message}" for issue in errors)
    count = "One setting is" if len(errors) == 1 else f"{len(errors)} settings are"
    words = ErrorWords(
        "bad-settings", f"{count} not right, so nothing was started.", lines, "See: orpo-studio train --help"
    )
    return CommandError(words, exit_code=2, issues=[{"name": i.name, "message": i.message} for i in errors])


def typed_values(named: Sequence[tuple[str, str | None]], settings: Sequence[str]) -> tuple[Values, list[Issue]]:
    """Return the values of single options as typed, and those that cannot be read.

    Args:
        named: options with an argument of their own, each with its text or None.
        settings: the texts of ``--set``, such as ``recipe.lambda=0.2``.
    """
    pairs = [(name, text) for name, text in named if text is not None]
    values: Values = {}
    problems = []
    for setting in settings:
        name, equals, text = setting.partition("=")
        if equals:
            pairs.append((name.strip(), text))
        else:
            problems.append(Issue(setting, "Write it as section.key=value."))
    for name, text in pairs:
        if name == "name":
            values["name"] = text
            continue
        try:
            option = find_option(name)
            values.setdefault(option.section, {})[option.key] = option.parse(text)
        except OptionError as error:
            problems.append(Issue(name, str(error)))
    return _absolute(values, Path.cwd()), problems


def _patch(values: Values, patch: Values) -> None:
    for section, content in patch.items():
        if isinstance(content, dict) and isinstance(values.get(section), dict):
            values[section] = {**values[section], **content}
        else:
            values[section] = content


def _absolute(values: Values, base: Path) -> Values:
    """Return the values with every path made absolute; the run is worked on in another folder."""
    made = {section: dict(content) if isinstance(content, dict) else content for section, content in values.items()}
    for option in all_options():
        content = made.get(option.section)
        if option.kind is not Kind.PATH or not isinstance(content, dict):
            continue
        text = content.get(option.key)
        if isinstance(text, str) and text.strip() and text != DEMO:
            content[option.key] = str((base / expand(text)).resolve())
    data = made.get("data")
    if isinstance(data, dict) and isinstance(data.get("mix"), list | tuple):  # paths with an amount behind an @
        data["mix"] = [str(base / expand(text)) if isinstance(text, str) else text for text in data["mix"]]
    return made
