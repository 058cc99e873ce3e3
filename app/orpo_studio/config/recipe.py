"""Recipes: patches over the defaults, kept as files with their source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orpo_studio.config.check import check
from orpo_studio.config.toml import MAX_BYTES, SpecError, parse_toml
from orpo_studio.plain_files import read_plain


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named patch.

    Attributes:
        id: the file's name without its ending.
        title: its name on the screen.
        summary: for whom it is, in a sentence.
        source: where its values come from.
        values: sections with the keys it changes.
    """

    id: str
    title: str
    summary: str
    source: str
    values: dict[str, dict[str, Any]]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        SpecError: it cannot be read, lacks its title or source, or changes an option to a value that is not allowed.
    """
    try:
        content = parse_toml(read_plain(path, MAX_BYTES, follow_link=True).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(f"The recipe {path.name} cannot be read: {error}.") from None
    head = {key: content.pop(key, "") for key in ("title", "summary", "source")}
    missing = [key for key, text in head.items() if not text]
    if missing:
        raise SpecError(f"The recipe {path.name} does not say its {' and '.join(missing)}.")
    checked = check(content, to_start=False)
    if checked.errors:
        problems = "; ".join(f"{issue.name}: {issue.message}" for issue in checked.errors)
        raise SpecError(f"The recipe {path.name} cannot be used: {problems}", checked.errors)
    return Recipe(id=path.stem, **head, values=content)


def load_recipes(folder: Path) -> list[Recipe]:
    """Read every recipe of a folder, by title; a broken one raises, since they are the program's own.

    Raises:
        SpecError: as :func:`load_recipe`.
    """
    return sorted((load_recipe(path) for path in folder.glob("*.toml")), key=lambda recipe: recipe.title)
