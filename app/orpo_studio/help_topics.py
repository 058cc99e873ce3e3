"""The help of the program, for the window and the terminal: ``resources/help`` and the reference of all settings."""

from pathlib import Path

from orpo_studio import paths
from orpo_studio.config.reference import markdown

SETTINGS = "settings"
"""The topic that is made from the schema and not written."""


def topics() -> dict[str, str]:
    """Return the topics by name, each with its title; the settings come last."""
    names = [*sorted(path.stem for path in _folder().glob("*.md")), SETTINGS]
    return {name: topic_text(name).partition("\n")[0].lstrip("# ") for name in names}


def topic_text(name: str) -> str:
    """Return a topic as Markdown.

    Raises:
        FileNotFoundError: there is none of this name.
    """
    return markdown() if name == SETTINGS else (_folder() / f"{name}.md").read_text(encoding="utf-8")


def _folder() -> Path:
    return paths.resources() / "help"
