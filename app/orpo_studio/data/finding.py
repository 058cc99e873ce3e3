"""What a source is made of: a file, a ZIP archive, a folder or pattern of shards, a saved or a cached dataset.

Of a folder its README says which file belongs to which split, as on the Hub; where it does not, the files' names do.
"""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orpo_studio.data.declared import README, declared_files
from orpo_studio.data.files import DataFile, no_such_file, require_file, unreadable
from orpo_studio.data.forms import SUFFIXES, WORKBOOKS, data_suffix, refusal_of, refused
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.saved import saved_files, saved_splits
from orpo_studio.data.split_names import SHARD, choose_split, splits_of_names, stem_of

_NO_DATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json"}
"""JSON files that lie beside data and describe it."""
_NO_WORD = {".md", ".txt", ".lock", ".yaml", ".yml", ".gitattributes", ".gitignore", ".cff", ".png", ".jpg", ".svg"}
"""Endings of files that nobody expects to be read as rows."""
_MOST_FILES = 100_000
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a source, in the order in which they are read.

    Attributes:
        name: what it is called on the screen.
        files: its data files.
        splits: the split of each file; empty strings where there are none.
        left_out: names of other files in it, which are not read and whose absence somebody might notice.
    """

    name: str
    files: tuple[DataFile, ...]
    splits: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its splits, as far as file names tell them."""
        return tuple(dict.fromkeys(split for split in self.splits if split))

    def files_of(self, split: str) -> list[DataFile]:
        """Return the files of a split, or of the one meant for training.

        Raises:
            DataProblem: there is no such split, or which one is meant is not clear.
        """
        chosen = choose_split(self.names, split, self.name)
        return [file for file, of in zip(self.files, self.splits, strict=True) if of == chosen]


def find_source(source: Path | str) -> Source:
    """Find the files of a source, without looking further into them than ZIP archives need.

    Raises:
        DataProblem: nothing is there, nothing in it is data, or a part of it is missing.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return _of_folder(path)
        if glob.has_magic(str(path)) and not path.exists():
            return _of_pattern(path)
        require_file(path)
        return _of_files(path.name, [(path, path.name)], single=True)
    except OSError as error:
        raise unreadable(path, error) from error


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key by which ``shard-9`` comes before ``shard-10``."""
    parts = re.split(r"(\d{1,18})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _of_files(
    name: str, found: Iterable[tuple[Path, str]], *, left_out: Sequence[str] = (), single: bool = False
) -> Source:
    from orpo_studio.data.compressed import compression_of, members_of

    files: list[DataFile] = []
    others = list(left_out)
    for path, shown in found:
        zipped = shown.lower().endswith(".zip")
        if single and not zipped and not refusal_of(shown) and data_suffix(shown) not in WORKBOOKS:
            with path.open("rb") as file:
                zipped = compression_of(file.read(512)) == "zip"
        if not zipped:
            files.append(DataFile(path, shown))
            continue
        with path.open("rb") as file:
            if compression_of(file.read(512)) != "zip":
                files.append(DataFile(path, shown))  # whatever it is, its form will be told by content
                continue
        members = members_of(path)
        data = [
            (place, member) for place, member in members if _is_data(member) and data_suffix(member) not in WORKBOOKS
        ]
        if not data and len(members) == 1:
            data = members  # one file without an ending: its content tells its form
        if not data:
            raise _no_data(path.name, [member for _, member in members])
        data.sort(key=lambda entry: natural_order(entry[1]))
        prefix = "" if single else f"{shown}/"
        files.extend(DataFile(path, f"{prefix}{member}", place) for place, member in data)
        others += [member for entry in members if entry not in data and _is_missed(member := entry[1])]
    splits = [""] if single and len(files) == 1 else splits_of_names([file.name for file in files])
    return Source(name, tuple(files), tuple(splits), tuple(others))


def _of_pattern(pattern: Path) -> Source:
    try:
        matches = sorted(glob.glob(str(pattern), recursive=True), key=natural_order)  # noqa: PTH207 - may be absolute
    except (ValueError, re.error) as error:
        raise no_such_file(pattern) from error
    paths = [Path(match) for match in matches]
    files = [path for path in paths if path.is_file()]
    data = [path for path in files if _is_data(path.name)]
    if not files:
        raise DataProblem(
            "no-such-file",
            "No file matches.",
            detail=str(pattern),
            hint="Check the pattern: * stands for any part of a name, ** for any folders.",
        )
    if not data:
        raise _no_data(pattern.name, [path.name for path in files])
    root = Path(os.path.commonpath([path.parent for path in data]))
    left_out = [path.name for path in files if path not in set(data) and _is_missed(path.name)]
    return _of_files(pattern.name, [(path, path.relative_to(root).as_posix()) for path in data], left_out=left_out)


def _of_folder(folder: Path) -> Source:
    if (folder / "snapshots").is_dir() and ((folder / "refs").is_dir() or (folder / "blobs").is_dir()):
        return _of_folder_of_shards(_snapshot(folder), folder.name)
    if (folder / "dataset_dict.json").is_file():
        saved = saved_splits(folder)
        return Source(folder.name, tuple(file for file, _ in saved), tuple(split for _, split in saved))
    if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        files = saved_files(folder)
        return Source(folder.name, tuple(files), ("",) * len(files))
    if several := [path.name for path in folder.glob("datasets--*") if path.is_dir()]:
        raise DataProblem(
            "several-datasets",
            f"{folder.name} holds whole datasets, not the shards of one.",
            detail=", ".join(sorted(several)[:10]),
            hint="Choose the folder of one of them.",
        )
    return _of_folder_of_shards(folder, folder.name)


def _snapshot(cache: Path) -> Path:
    """Return the snapshot that a Hub cache's main branch names, or the only one.

    Raises:
        DataProblem: there is none, or which one is meant is not clear.
    """
    there = sorted(path for path in (cache / "snapshots").iterdir() if path.is_dir())
    main = cache / "refs" / "main"
    if main.is_file():
        with main.open(encoding="utf-8", errors="replace") as file:
            revision = file.read(200).strip()
        if _REVISION.fullmatch(revision) and cache / "snapshots" / revision in there:
            return cache / "snapshots" / revision
    if len(there) == 1:
        return there[0]
    raise DataProblem(
        "which-snapshot",
        f"Which version of {cache.name} is meant is not clear." if there else f"{cache.name} holds no version.",
        detail=f"Its versions are: {', '.join(path.name for path in there) or 'none'}.",
        hint="Choose one of the folders in snapshots." if there else "Download the dataset again.",
    )


def _of_folder_of_shards(folder: Path, name: str) -> Source:
    inside = _walk(folder)
    data = [shown for shown in inside if _is_data(shown)]
    if not data:
        raise _no_data(name, inside)
    declared = declared_files(folder / README, data)
    if declared:
        data = list(dict.fromkeys(file.name for file in declared))
    for shown in data:
        if not (folder / shown).is_file():
            raise DataProblem(
                "missing-shards",
                f"{shown} is only a link to a file that is not there.",
                detail=f"In {folder}. A download may have been stopped, or a cache been cleared.",
                hint="Download or copy the dataset again.",
            )
    _check_shards(data, name)
    left_out = [shown for shown in inside if shown not in set(data) and _is_missed(shown)]
    if declared:
        parts = [(_of_files(name, [(folder / file.name, file.name)]), file.split) for file in declared]
        found = [(file, split) for part, split in parts for file in part.files]
        return Source(name, tuple(file for file, _ in found), tuple(split for _, split in found), tuple(left_out))
    return _of_files(name, [(folder / shown, shown) for shown in data], left_out=left_out)


def _walk(folder: Path) -> list[str]:
    """Return the files in a folder and those below it, by natural order; links to folders are not followed."""
    found: list[str] = []

    def refuse(error: OSError) -> None:
        raise error

    for here, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for name in names:
            path = Path(here) / name
            if not name.startswith((".", "__")) and (path.is_file() or path.is_symlink()):
                found.append(path.relative_to(folder).as_posix())
        if len(found) > _MOST_FILES:
            raise DataProblem(
                "too-many-files",
                f"{folder.name} holds more than {_MOST_FILES:,} files.",
                detail=str(folder),
                hint="Choose the folder that holds the shards and little else.",
            )
    return sorted(found, key=natural_order)


def _check_shards(names: Sequence[str], source: str) -> None:
    """Make sure that of shards numbered ``-00000-of-00003`` none is missing.

    Raises:
        DataProblem: one is.
    """
    there: dict[tuple[str, str, str, int], set[int]] = {}
    for name in names:
        if shard := SHARD.fullmatch(stem_of(name)):
            key = (str(PurePosixPath(name).parent), shard["stem"], data_suffix(name), int(shard["count"]))
            there.setdefault(key, set()).add(int(shard["number"]))
    for (_, stem, _, count), numbers in there.items():
        missing = count - len(numbers)
        if missing > 0:
            raise DataProblem(
                "missing-shards",
                f"{missing} of the {count} shards of {stem} {'is' if missing == 1 else 'are'} missing from {source}.",
                detail=f"There: {', '.join(str(number) for number in sorted(numbers)[:20])}, counted from 0.",
                hint="Download or copy the rest. To use what is there all the same, choose it by a pattern such as "
                f"{stem}-*.",
            )


def _is_data(name: str) -> bool:
    """Tell whether a file in a folder or an archive is taken for data, by its name."""
    path = PurePosixPath(name)
    if any(part.startswith((".", "__")) for part in path.parts) or path.name.lower() in _NO_DATA:
        return False
    if path.suffix == ".arrow" and path.name.startswith(("cache-", "tmp")):
        return False  # what the datasets library keeps of computations
    return not refusal_of(name) and (data_suffix(name) in SUFFIXES or path.suffix.lower() == ".zip")


def _is_missed(name: str) -> bool:
    """Tell whether somebody might expect a file to be read that is not."""
    path = PurePosixPath(name)
    plain = path.suffix.lower() in _NO_WORD or not path.suffix or path.name.lower() in _NO_DATA
    return not plain and not any(part.startswith((".", "__")) for part in path.parts)


def _no_data(source: str, names: Sequence[str]) -> DataProblem:
    for name in names:
        if why := refusal_of(name):
            return refused(f"{source}/{name}", f"{why} Nothing else in {source} is data.")
    return DataProblem(
        "no-data-files",
        f"{source} holds no data files.",
        detail=f"It holds {', '.join(names[:10]) or 'nothing'}{' and more' if len(names) > 10 else ''}.",
        hint="Choose a folder with JSON, JSONL, Parquet, Arrow or CSV files, or one such file.",
    )
