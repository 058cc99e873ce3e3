"""Where things lay on this machine stays out of what is shipped: a path may hold a person's name or a project's."""

import json
from pathlib import Path

PLACES = ("_name_or_path", "name_or_path", "base_model_name_or_path", "tokenizer_file", "vocab_file")
"""Keys under which the libraries write where a thing was loaded from."""


def name_no_place(folder: Path, base_name: str) -> None:
    """Name the base model in the settings of a shipped folder, and do not locate it.

    Args:
        folder: what is shipped.
        base_name: the base model's name, for people.
    """
    for path in folder.glob("*config.json"):
        settings = json.loads(path.read_text(encoding="utf-8"))
        found = [key for key in PLACES if isinstance(settings, dict) and isinstance(settings.get(key), str)]
        if not found:
            continue
        for key in found:
            if key.endswith("_file"):
                del settings[key]
            else:
                settings[key] = base_name
        path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
