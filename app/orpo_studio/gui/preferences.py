"""What the window remembers between starts. A bad file never stops the start: it is put aside, with a warning."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

MOST_RECENT = 8


class Preferences(BaseModel):
    """The remembered things."""

    model_config = ConfigDict(validate_assignment=True)

    theme: str = "system"
    workspace: str = ""
    recent_models: list[str] = []
    recent_data: list[str] = []
    draft: dict[str, Any] = {}
    geometry: str = ""
    smoothing: float = 0.6
    advanced: bool = False
    notify: bool = True
    """Whether the end of a run is told on the desktop. Supervisors read it from the file, at that moment."""

    def remember_model(self, path: str) -> None:
        """Put a model in front of the recent ones."""
        self.recent_models = _in_front(path, self.recent_models)

    def remember_data(self, path: str) -> None:
        """Put a data file in front of the recent ones."""
        self.recent_data = _in_front(path, self.recent_data)


def _in_front(path: str, known: list[str]) -> list[str]:
    return [path, *(other for other in known if other != path)][:MOST_RECENT]


def load_preferences(path: Path) -> tuple[Preferences, str]:
    """Read the preferences.

    Returns:
        The preferences, and a warning for the person, empty when there is none. Values that cannot be used take
        their defaults; the file they stood in is kept beside as a copy.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences(), ""
    except (OSError, ValueError, RecursionError) as error:
        return Preferences(), f"The preferences could not be read ({error}). {_put_aside(path)}"
    if not isinstance(content, dict):
        return Preferences(), f"The preferences are not in the expected form. {_put_aside(path)}"
    good, bad = {}, []
    for key, value in content.items():
        try:
            Preferences.model_validate({key: value})
        except ValidationError:
            bad.append(key)
            continue
        if key in Preferences.model_fields:
            good[key] = value
        else:
            bad.append(key)
    warning = f"These preferences could not be used: {', '.join(sorted(bad))}. {_put_aside(path)}" if bad else ""
    return Preferences.model_validate(good), warning


def save_preferences(preferences: Preferences, path: Path) -> None:
    """Write the preferences whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(preferences.model_dump_json(indent=2), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _put_aside(path: Path) -> str:
    copy = path.with_suffix(".unusable.json")
    try:
        copy.write_bytes(path.read_bytes())
    except OSError:
        return "Defaults are used."
    return f"Defaults are used; a copy lies in {copy}."
