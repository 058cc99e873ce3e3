"""Read the small files of a model folder."""

import json
from pathlib import Path
from typing import cast

from orpo_studio.models.problem import ModelProblem
from orpo_studio.plain_files import read_plain

MOST_BYTES = 256_000_000
"""The largest tokenizer.json files have some 40 MB."""

_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
}


def read_object(path: Path) -> dict[str, object]:
    """Return the JSON object in a file.

    Raises:
        ModelProblem: the file cannot be read, is not JSON, or holds something other than an object.
    """
    try:
        value = json.loads(read_plain(path, MOST_BYTES, follow_link=True).decode("utf-8-sig"))
    except OSError as error:
        raise ModelProblem(
            "unreadable-file",
            f"{path.name} cannot be read.",
            detail=f"{path}: {error.strerror}",
            hint="Check that the file exists and that you may read it.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelProblem(
            "broken-json",
            f"{path.name} is not valid JSON.",
            detail=f"{path}: {error}",
            hint="The file may be half downloaded. Copy or download the model again.",
        ) from error
    if not isinstance(value, dict):
        raise ModelProblem(
            "broken-json",
            f"{path.name} holds {_TYPE_NAMES.get(type(value), 'nothing')}, not an object.",
            detail=str(path),
            hint="The file may be damaged. Copy or download the model again.",
        )
    return cast("dict[str, object]", value)


def read_object_if_there(path: Path) -> dict[str, object]:
    """Return the JSON object in a file, or an empty one where there is no such file."""
    return read_object(path) if path.is_file() else {}


def first_text(*values: object) -> str | None:
    """Return the first value that is non-empty text."""
    return next((value for value in values if isinstance(value, str) and value), None)


def first_count(*values: object) -> int | None:
    """Return the first value that is a positive whole number."""
    return next(
        (value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0), None
    )
