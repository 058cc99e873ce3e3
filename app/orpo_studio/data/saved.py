"""Folders that the datasets library wrote with ``save_to_disk``."""

import json
import re
from pathlib import Path

from orpo_studio.data.files import DataFile
from orpo_studio.data.problem import DataProblem

_LARGEST = 64 << 20
"""Longest description that is read, in bytes."""


def saved_splits(folder: Path) -> list[tuple[DataFile, str]]:
    """Return the files of a saved dictionary of datasets, each with its split.

    Raises:
        DataProblem: it is damaged, or a part of it is missing.
    """
    names = _described(folder / "dataset_dict.json").get("splits")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise _broken_dataset(folder, "dataset_dict.json names no splits.")
    return [(file, name) for name in names for file in saved_files(folder / name, prefix=f"{name}/")]


def saved_files(folder: Path, prefix: str = "") -> list[DataFile]:
    """Return the files of a saved dataset, in its own order.

    Raises:
        DataProblem: it is damaged, or a part of it is missing.
    """
    state = _described(folder / "state.json")
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise _broken_dataset(folder, "It is a selection of rows kept apart, as old versions of datasets wrote it.")
    entries = state.get("_data_files")
    listed = entries if isinstance(entries, list) else []
    named = [entry.get("filename") if isinstance(entry, dict) else None for entry in listed]
    names = [name for name in named if isinstance(name, str) and _is_plain(name)]
    if not names or len(names) != len(named):
        raise _broken_dataset(folder, "state.json names no data files.")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise _broken_dataset(folder, f"Missing: {', '.join(missing[:10])}.")
    return [DataFile(folder / name, f"{prefix}{name}") for name in names]


def _described(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LARGEST))
    except FileNotFoundError:
        raise _broken_dataset(path.parent, f"{path.name} is missing.") from None
    except (ValueError, RecursionError) as error:
        raise _broken_dataset(path.parent, f"{path.name}: {error}") from error
    return value if isinstance(value, dict) else {}


def _is_plain(name: str) -> bool:
    """Tell whether a name stays in its folder."""
    return name not in {"", ".", ".."} and not re.search(r"[/\\:\x00]", name)


def _broken_dataset(folder: Path, detail: str) -> DataProblem:
    return DataProblem(
        "broken-dataset",
        f"{folder.name} is not a complete saved dataset.",
        detail=detail,
        hint="Save it again with save_to_disk, or copy the whole folder again.",
    )
