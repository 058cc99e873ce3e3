"""Convert a source once into the canonical files, losing no row in silence."""

import json
import os
import shutil
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from orpo_studio.data.layouts import Recognition, recognize
from orpo_studio.data.pair import Pair, SetAside
from orpo_studio.data.prepared import PAIRS, PAIRS_TO_VIEW, SET_ASIDE, SUMMARY, VERSION, PreparedData, Summary
from orpo_studio.data.problem import REASON_TITLES, ConversionCancelled, DataProblem, Reason, RowProblem
from orpo_studio.data.reading import read_rows, require_file
from orpo_studio.data.rows import EXCERPT, NumberedRow, Unreadable
from orpo_studio.data.split import choose_held_out, held_out_count, prompt_key

Progress = Callable[[float], None]
"""Told which share of the work is done, 0 to 1."""
Cancel = Callable[[], bool]
"""Asked now and then whether to stop, such as ``threading.Event().is_set``."""

_SAMPLE = 200
_CHECK_EVERY = 256
_BLOCK = 1 << 20
_DAY = 86_400.0


def convert(
    source: Path,
    out_dir: Path,
    *,
    held_out: float | Path,
    seed: int,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedData:
    """Convert a source into a folder, which appears only when it is complete and replaces an older one.

    Args:
        source: a file that `read_rows` reads.
        out_dir: the folder to write.
        held_out: share (between 0 and 1) or number of rows to hold out, or a file of held-out rows. Rows with the
            same prompt are never on both sides.
        seed: of the split; the same seed gives the same split.
        progress: told how far it is.
        cancel: asked whether to stop.

    Raises:
        DataProblem: the source cannot be used, or the folder cannot be written.
        ConversionCancelled: ``cancel`` said so; nothing is left behind.
    """
    try:
        with _staged(out_dir) as stage:
            _Conversion(
                source,
                stage,
                held_out=held_out,
                seed=seed,
                progress=progress or _no_progress,
                cancel=cancel or _never,
            ).run()
    except OSError as error:
        raise DataProblem(
            "cannot-write",
            "The converted data cannot be written.",
            detail=f"{error.filename or out_dir}: {error.strerror or error}",
            hint="Make room on the disk, or choose a folder that you may write to.",
        ) from error
    return PreparedData.open(out_dir)


def prepare(
    source: Path,
    *,
    held_out: float | Path,
    seed: int,
    cache: Path,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedData:
    """Return the converted form of a source from a cache, converting it only where the cache lacks it.

    The cache goes by content: a file that was moved is known again, one that was changed is converted anew.

    Raises:
        DataProblem: the source cannot be used, or the cache cannot be written.
        ConversionCancelled: ``cancel`` said so.
    """
    key = blake2b(digest_size=16)
    if isinstance(held_out, Path):
        setting = f"{digest_of(held_out, cancel)}{held_out.suffix}"
    else:
        setting = f"{type(held_out).__name__} {held_out}"
    for part in (digest_of(source, cancel), source.suffix, setting, seed, VERSION):
        key.update(f"{part}\n".encode())
    folder = cache / key.hexdigest()
    try:
        known = PreparedData.open(folder)
    except DataProblem:
        return convert(source, folder, held_out=held_out, seed=seed, progress=progress, cancel=cancel)
    here = str(held_out) if isinstance(held_out, Path) else None
    return replace(known, summary=replace(known.summary, source=str(source), held_out_source=here))


def digest_of(path: Path, cancel: Cancel | None = None) -> str:
    """Return what stands for a file's content.

    Raises:
        DataProblem: the file cannot be read.
        ConversionCancelled: ``cancel`` said so.
    """
    require_file(path)
    stop = cancel or _never
    digest = blake2b(digest_size=32)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if stop():
                    raise ConversionCancelled
                digest.update(block)
    except OSError as error:
        raise DataProblem(
            "unreadable-file",
            f"{path.name} cannot be read.",
            detail=f"{path}: {error.strerror}",
            hint="Check that the file is there and that you may read it.",
        ) from error
    return f"blake2b:{digest.hexdigest()}"


def _no_progress(_share: float) -> None:
    pass


def _never() -> bool:
    return False


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give a folder beside the one to write, and put it in its place when all went well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(folder)
    stage = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    stage.mkdir()
    try:
        yield stage
        _put_in_place(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, folder: Path) -> None:
    old = stage.with_name(f"{stage.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        stage.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # another process has just written the same: its folder serves as well
    shutil.rmtree(old, ignore_errors=True)


def _remove_left_behind(folder: Path) -> None:
    """Remove what a conversion left that was killed a day ago or earlier."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)


@dataclass(slots=True)
class _File:
    """What was read from one file: the pairs in a file of their own, their prompts' keys, and the counts."""

    pairs: Path
    recognition: Recognition
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    rows_in: int = 0


class _Conversion:
    """One conversion, from the source to the files of a folder that nobody sees yet."""

    def __init__(
        self, source: Path, stage: Path, *, held_out: float | Path, seed: int, progress: Progress, cancel: Cancel
    ) -> None:
        self._source = source
        self._stage = stage
        self._held_out = held_out
        self._seed = seed
        self._progress = progress
        self._cancel = cancel
        self._reasons: Counter[Reason] = Counter()

    def run(self) -> None:
        from orpo_studio.data.pair_files import write_split

        files: tuple[_File, ...]
        with (self._stage / SET_ASIDE).open("w", encoding="utf-8", errors="backslashreplace") as set_aside:
            if isinstance(self._held_out, Path):
                separate = self._read(self._held_out, set_aside, frozenset(), part=(0.0, 0.2))
                self._require_rows(separate, self._held_out, 1)
                train = self._read(self._source, set_aside, frozenset(separate.keys), part=(0.2, 0.7))
                self._require_rows(train, self._source, 2)
                files, held_out = (train, separate), frozenset(separate.keys)
            else:
                train = self._read(self._source, set_aside, frozenset(), part=(0.0, 0.7))
                self._require_rows(train, self._source, 2)
                wanted = held_out_count(self._held_out, len(train.keys))
                files, held_out = (train,), choose_held_out(train.keys, wanted)
        counts = write_split(
            [(file.pairs, file.keys) for file in files],
            held_out,
            self._stage / PAIRS,
            self._stage / PAIRS_TO_VIEW,
            lambda rows: self._tell(0.7 + 0.3 * rows / sum(len(file.keys) for file in files)),
        )
        for file in files:
            file.pairs.unlink()
        self._write_summary(files, *counts)
        self._progress(1.0)

    def _tell(self, share: float) -> None:
        if self._cancel():
            raise ConversionCancelled
        self._progress(share)

    def _read(self, source: Path, set_aside: TextIO, taken: frozenset[int], part: tuple[float, float]) -> _File:
        from orpo_studio.data.pair_files import PairWriter

        start, end = part
        shares = [start]
        rows = read_rows(source, lambda share: shares.append(start + share * (end - start)))
        sample = list(islice(rows, _SAMPLE))
        recognition = _recognize(source, sample)
        read = _File(self._stage / f"{uuid4().hex}.arrow", recognition)
        with PairWriter(read.pairs) as writer:
            for number, row in chain(sample, rows):
                if read.rows_in % _CHECK_EVERY == 0:
                    self._tell(shares[-1])
                read.rows_in += 1
                try:
                    pair = _to_pair(recognition, number, row)
                    key = prompt_key(pair.prompt, self._seed)
                    if key in taken:
                        raise RowProblem(Reason.HELD_OUT_OVERLAP, "The same prompt stands in the held-out file.")
                except RowProblem as problem:
                    self._reasons[problem.reason] += 1
                    aside = SetAside(source.name, number, problem.reason, problem.words, _excerpt(row))
                    set_aside.write(json.dumps(asdict(aside), ensure_ascii=False) + "\n")
                else:
                    read.keys.append(key)
                    writer.add(pair)
        return read

    def _require_rows(self, read: _File, source: Path, least: int) -> None:
        kept = len(read.keys)
        if kept >= least:
            return
        reasons = "; ".join(f"{REASON_TITLES[reason]}: {count:,}" for reason, count in self._reasons.most_common())
        raise DataProblem(
            "too-few-rows",
            f"{source.name} has {kept} usable row{'' if kept == 1 else 's'}; at least {least} are needed.",
            detail=f"Read as '{read.recognition.layout}'. Rows in the file: {read.rows_in:,}. {reasons}".strip(),
            hint="Choose a file with more preference pairs, or correct these rows.",
        )

    def _write_summary(self, files: tuple[_File, ...], train: int, held_out: int) -> None:
        separate = self._held_out if isinstance(self._held_out, Path) else None
        summary = Summary(
            rows_in=sum(file.rows_in for file in files),
            kept=train + held_out,
            set_aside=dict(self._reasons),
            train=train,
            held_out=held_out,
            layout=files[0].recognition.layout,
            evidence=files[0].recognition.evidence,
            source=str(self._source),
            source_bytes=self._source.stat().st_size,
            source_digest=digest_of(self._source),
            held_out_source=str(separate) if separate else None,
            held_out_digest=digest_of(separate) if separate else None,
            held_out_setting=None if isinstance(self._held_out, Path) else self._held_out,
            seed=self._seed,
        )
        with (self._stage / SUMMARY).open("w", encoding="utf-8") as file:
            file.write(summary.to_json())
            file.flush()
            os.fsync(file.fileno())


def _recognize(source: Path, sample: list[NumberedRow]) -> Recognition:
    readable = [row for _, row in sample if not isinstance(row, Unreadable)]
    if sample and not readable:
        number, first = next((number, row) for number, row in sample if isinstance(row, Unreadable))
        raise DataProblem(
            "nothing-readable",
            f"No row of {source.name} can be read.",
            detail=f"Row {number}: {first.words}",
            hint="Check that the file is what its name says: JSON, JSONL, CSV or Parquet.",
        )
    if not sample:
        raise DataProblem(
            "no-rows",
            f"{source.name} holds no rows.",
            detail=str(source),
            hint="Choose a file that holds preference pairs.",
        )
    return recognize(readable)


def _to_pair(recognition: Recognition, number: int, row: Mapping[str, object] | Unreadable) -> Pair:
    if isinstance(row, Unreadable):
        raise RowProblem(Reason.UNREADABLE, row.words)
    return recognition.convert(row, number)[0]


def _excerpt(row: Mapping[str, object] | Unreadable) -> str:
    if isinstance(row, Unreadable):
        return row.excerpt
    try:
        return json.dumps(row, ensure_ascii=False, skipkeys=True, default=repr)[:EXCERPT]
    except RecursionError:
        return "(nested too deeply to be shown)"
