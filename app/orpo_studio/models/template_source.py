"""Find the chat template that a model folder brings."""

from pathlib import Path

from orpo_studio.models.files import read_object_if_there
from orpo_studio.models.problem import ModelProblem
from orpo_studio.plain_files import read_plain

MOST_BYTES = 1_000_000
"""A chat template has some kilobytes."""


def read_chat_template(folder: Path) -> str | None:
    """Return the source of the model's chat template, or None where it brings none.

    As transformers does, ``chat_template.jinja`` comes before ``tokenizer_config.json``; of several named
    templates the one called ``default`` is taken.

    Raises:
        ModelProblem: a file is broken, not UTF-8, or may not be read.
    """
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return read_plain(path, MOST_BYTES, follow_link=True).decode()
        except OSError as error:
            raise ModelProblem(
                "unreadable-file",
                "chat_template.jinja cannot be read.",
                detail=f"{path}: {error.strerror}",
                hint="Check that you may read the file.",
            ) from error
        except ValueError as error:
            raise ModelProblem(
                "broken-template",
                "chat_template.jinja is not UTF-8 text.",
                detail=f"{path}: {error}",
                hint="Take the file from where the model came from again.",
            ) from error
    value = read_object_if_there(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(value, list):
        named = {entry.get("name"): entry.get("template") for entry in value if isinstance(entry, dict)}
        value = named.get("default")
    return value if isinstance(value, str) and value else None
