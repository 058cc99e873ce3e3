"""Names of splits: told by file names, and which of them is meant for training."""

import difflib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from orpo_studio.data.problem import DataProblem

OTHER = "other"
"""Split of the files whose names tell none, where those of other files do."""
_KINDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
_NAMED = re.compile(rf"({'|'.join(_KINDS)})(_[a-z0-9]\w*)?", re.IGNORECASE)
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})")
"""Stem, number and count in the name of a shard, such as ``train-00000-of-00002``."""
_PREFERRED = ("train", "train_prefs", "train_preference", "train_preferences", "train_dpo", "train_orpo")
_NO_NAMES = {"data", "part", "shard", "chunk", "file"}


def stem_of(name: str) -> str:
    """Return a file's name without its folders and its endings of letters, such as ``.jsonl.gz``."""
    return re.sub(r"(\.[A-Za-z][A-Za-z0-9]*)+$", "", PurePosixPath(name).name)


def splits_of_names(names: Sequence[str]) -> list[str]:
    """Return the split of each file by its name relative to the source; empty strings where the names tell none."""
    found = [_split_of(name) for name in names]
    if not any(found):
        shards = [SHARD.fullmatch(stem_of(name)) for name in names]
        stems = [shard["stem"] for shard in shards if shard]
        if len(stems) == len(names) and len(set(stems)) > 1 and not _NO_NAMES & set(stems):
            return stems
    return [split or OTHER for split in found] if any(found) else found


def _split_of(name: str) -> str:
    path = PurePosixPath(name)
    stem = stem_of(name)
    shard = SHARD.fullmatch(stem)
    if split := _split_in(shard["stem"] if shard else re.sub(r"[-_.]?\d+$", "", stem)):
        return split
    return next((split for folder in reversed(path.parts[:-1]) if (split := _split_in(folder))), "")


def _split_in(text: str) -> str:
    pieces = re.split(r"[-.\s]+", text)
    for piece in reversed(pieces):  # the datasets library writes the dataset's own name before the split's
        if found := _NAMED.fullmatch(piece):
            return piece if found[2] else _KINDS[piece.lower()]
    words = (word.lower() for piece in pieces for word in piece.split("_"))
    return next((_KINDS[word] for word in words if word in _KINDS), "")


def is_split_name(name: str) -> bool:
    """Tell whether a name is one that splits commonly have, such as train or test_prefs."""
    return _NAMED.fullmatch(name) is not None


def choose_split(names: Sequence[str], wanted: str, source: str) -> str:
    """Return the split to read: the one wanted, else the one meant for training; empty where there are none.

    Raises:
        DataProblem: there is no such split, or which one is meant for training is not clear.
    """
    if wanted:
        if wanted in names:
            return wanted
        raise _unknown(names, wanted, source)
    if not names:
        return ""
    if meant := next((name for name in _PREFERRED if name in names), None):
        return meant
    for candidates in (
        [name for name in names if name.lower().startswith("train")],
        [name for name in names if not _for_measuring(name)],
        list(names),
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            break
    raise DataProblem(
        "which-split",
        f"Which part of {source} is meant for training is not clear.",
        detail=f"It has the splits {_listed(names)}.",
        hint="Name one of them as the split to train on (data.split).",
    )


def _for_measuring(name: str) -> bool:
    found = _NAMED.fullmatch(name)
    return bool(found) and _KINDS[found[1].lower()] != "train" if found else False


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _unknown(names: Sequence[str], wanted: str, source: str) -> DataProblem:
    if not names:
        return DataProblem(
            "unknown-split",
            f"{source} has no split called {wanted}.",
            detail="It has no splits at all.",
            hint="Leave the split to train on (data.split) empty.",
        )
    near = difflib.get_close_matches(wanted, names, n=1)
    return DataProblem(
        "unknown-split",
        f"{source} has no split called {wanted}.",
        detail=f"It has {_listed(names)}.",
        hint=f"Did you mean {near[0]}?" if near else "Name one of these as the split to train on (data.split).",
    )
