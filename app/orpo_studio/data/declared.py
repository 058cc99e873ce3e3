"""Which files of a dataset belong to which split by its own account: ``configs`` in the front matter of its README.

The Hub and the datasets library go by it before they go by names of files. See
https://huggingface.co/docs/hub/datasets-manual-configuration. Only files that are there are ever named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

from orpo_studio.data.split_names import splits_of_names

README = "README.md"
_LONGEST = 2 << 20
"""Longest front matter that is looked into, in bytes."""
_MOST = 200
"""Patterns with signs such as ``*`` that are held against all files."""
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Declared:
    """A file and its split.

    Attributes:
        name: of the file, relative to the folder.
        split: ``train``, or ``config/train`` for a configuration that is not the one taken by default.
    """

    name: str
    split: str


def declared_files(readme: Path, names: Sequence[str]) -> list[Declared]:
    """Return the files that a README names, in its order; none where it names no file that is there.

    Args:
        readme: the file; it need not exist.
        names: the data files that are there, relative to the README's folder, in their order.
    """
    found: dict[Declared, None] = {}
    for config, is_default, splits in _configurations(readme):
        for split, patterns in splits:
            own = _matching(patterns, names)
            told = [split] * len(own) if split else [by_name or "train" for by_name in splits_of_names(own)]
            for name, of in zip(own, told, strict=True):
                found.setdefault(Declared(name, of if is_default else f"{config}/{of}"))
    return list(found)


def _configurations(readme: Path) -> Iterator[tuple[str, bool, list[tuple[str, list[str]]]]]:
    """Yield each configuration's name, whether it is the one taken by default, and the patterns of its splits.

    The name of a split is empty where the names of its files are to tell it.
    """
    configs = [entry for entry in _configs_of(readme) if isinstance(entry, dict)]
    named = [str(entry.get("config_name", "default")) for entry in configs]
    chosen = [name for name, entry in zip(named, configs, strict=True) if entry.get("default") is True]
    default = next(iter([*chosen, *(name for name in named if name == "default")]), named[0] if len(named) == 1 else "")
    for name, entry in zip(named, configs, strict=True):
        splits = _splits(entry.get("data_files"), str(entry.get("data_dir") or ""))
        if splits:
            yield name, name == default, splits


def _splits(data_files: object, folder: str) -> list[tuple[str, list[str]]]:
    if data_files is None and folder:
        return [("", [f"{folder.strip('/')}/**"])]
    if isinstance(data_files, str) or (isinstance(data_files, list) and all(isinstance(p, str) for p in data_files)):
        data_files = {"train": data_files}
    if isinstance(data_files, dict):
        data_files = [{"split": split, "path": path} for split, path in data_files.items()]
    if not isinstance(data_files, list):
        return []
    found = []
    for entry in data_files:
        if isinstance(entry, dict) and isinstance(entry.get("split"), str):
            paths = entry.get("path")
            patterns = [path for path in (paths if isinstance(paths, list) else [paths]) if isinstance(path, str)]
            found.append((entry["split"], [_within(folder, pattern) for pattern in patterns]))
    return found


def _within(folder: str, pattern: str) -> str:
    return str(PurePosixPath(folder.strip("/")) / pattern.removeprefix("./"))


def _configs_of(readme: Path) -> list[object]:
    """Return what stands under ``configs`` in the front matter; nothing where there is none or it cannot be read."""
    block = _block(readme)
    if not block:
        return []
    import yaml

    try:
        read = yaml.load(block, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        return []
    configs = read.get("configs") if isinstance(read, dict) else None
    return configs if isinstance(configs, list) else []


def _block(readme: Path) -> str:
    try:
        with readme.open("rb") as file:
            lines = file.read(_LONGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    if not lines or lines[0].strip() != "---":
        return ""
    kept: list[str] = []
    for line in lines[1:]:
        if line.rstrip() == "---":
            return "\n".join(kept)
        if kept and line[:1] not in {"", " ", "\t", "-", "#"}:
            return "\n".join(kept)
        if kept or line.startswith("configs:"):
            kept.append(line)
    return ""


def _matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    there = set(names)
    found: list[str] = []
    for place, pattern in enumerate(patterns):
        if not _MAGIC & set(pattern):
            found += [pattern] if pattern in there else []
        elif place < _MOST:
            parts = tuple(pattern.split("/"))
            found += [name for name in names if _matches(tuple(name.split("/")), parts)]
    return found


def _matches(name: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell whether a path matches part by part; ``**`` stands for any number of parts."""

    @cache
    def fits(at: int, by: int) -> bool:
        if by == len(pattern):
            return at == len(name)
        if pattern[by] == "**":
            return fits(at, by + 1) or (at < len(name) and fits(at + 1, by))
        return at < len(name) and fnmatchcase(name[at], pattern[by]) and fits(at + 1, by + 1)

    return fits(0, 0)
