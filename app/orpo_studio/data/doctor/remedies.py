"""Make a new version of converted data with remedies applied; the old version and the source stay as they are."""

import json
import shutil
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orpo_studio.data.doctor import answers, duplicates, languages, sets
from orpo_studio.data.doctor.check import RowCheck, numbers
from orpo_studio.data.doctor.columns import PARTS, Bools, Ints, PairBatch, Pairs, open_pairs
from orpo_studio.data.doctor.facts import Facts, gather
from orpo_studio.data.doctor.lengths import Counter, Lengths, count_lengths, no_room, truncated
from orpo_studio.data.doctor.remedy_names import BY_LENGTH, REMEDIES
from orpo_studio.data.doctor.repairs import repaired
from orpo_studio.data.pair import SetAside
from orpo_studio.data.pipeline import Cancel, Progress
from orpo_studio.data.prepared import PAIRS, PAIRS_TO_VIEW, SET_ASIDE, SUMMARY, PreparedData, Summary
from orpo_studio.data.problem import ConversionCancelled, DataProblem, Reason
from orpo_studio.data.rows import EXCERPT
from orpo_studio.data.staging import staged

__all__ = ["REMEDIES", "apply_remedies"]

_ROW_CHECKS: Mapping[str, RowCheck] = {
    check.kind.remedy: check
    for check in (*answers.CHECKS, *languages.CHECKS)
    if check.kind.remedy is not None and check.kind.remedy in REMEDIES and not REMEDIES[check.kind.remedy].repairs
}
_ALWAYS = tuple(check for check in answers.CHECKS if check.kind.code in ("same-answers", "empty-answers"))
"""What a repair may leave behind."""
_ALIKE: Mapping[str, Callable[[Facts], Ints]] = {
    "drop-known-toxic-sources": sets.toxic_source,
    "drop-exact-duplicates": duplicates.exact_duplicates,
    "drop-near-duplicates": duplicates.near_duplicates,
    "drop-contradictory-pairs": duplicates.contradictory_pairs,
    "drop-held-out-overlap": sets.held_out_overlap,
}


def apply_remedies(
    data: PreparedData,
    remedies: Sequence[str],
    out: Path,
    *,
    max_length: int = 1024,
    counter: Counter | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedData:
    """Write a new version of converted data, which appears only when it is complete.

    Repairs come first, then pairs are set aside, remedy by remedy, each judging what those before it left; the order
    is that of `REMEDIES` whatever the order given. The same data and remedies always give the same version.

    Args:
        data: what to start from; nothing of it is changed.
        remedies: names of `REMEDIES`.
        out: the folder to write; an older one is replaced.
        max_length: longest sequence, in tokens, for the remedies that go by lengths.
        counter: the tokenizer that counts them; without one they are estimated, four bytes a token.
        progress: told how far it is, 0 to 1.
        cancel: asked now and then whether to stop.

    Raises:
        DataProblem: a remedy is not known, nothing would be left to train on, or the folder cannot be written.
        ConversionCancelled: ``cancel`` said so; nothing is left behind.
    """
    unknown = [name for name in remedies if name not in REMEDIES]
    if unknown:
        raise DataProblem(
            "no-such-remedy",
            f"There is no remedy named {unknown[0]}.",
            detail=f"The remedies are: {', '.join(REMEDIES)}.",
            hint="Take a name from the data doctor's report.",
        )
    named = [name for name in REMEDIES if name in remedies]
    try:
        with staged(out) as stage:
            teller = _Teller(progress, cancel)
            _Treatment(data, named, stage, teller, max_length=max_length, counter=counter).run()
    except OSError as error:
        raise DataProblem(
            "cannot-write",
            "The new version of the data cannot be written.",
            detail=f"{error.filename or out}: {error.strerror or error}",
            hint="Make room on the disk, or choose a folder that you may write to.",
        ) from error
    return PreparedData.open(out)


class _Teller:
    """Tells how far it is, and raises where it is to stop."""

    def __init__(self, progress: Progress | None, cancel: Cancel | None) -> None:
        self._progress = progress
        self._cancel = cancel

    def __call__(self, share: float) -> None:
        if self._cancel is not None and self._cancel():
            raise ConversionCancelled
        if self._progress is not None:
            self._progress(min(1.0, share))


class _Treatment:
    """One application of remedies, into a folder that nobody sees yet."""

    def __init__(
        self,
        data: PreparedData,
        names: Sequence[str],
        stage: Path,
        tell: _Teller,
        *,
        max_length: int,
        counter: Counter | None,
    ) -> None:
        self._data = data
        self._repairs = [name for name in names if REMEDIES[name].repairs]
        self._drops = [name for name in names if not REMEDIES[name].repairs]
        self._names = names
        self._stage = stage
        self._max_length = max_length
        self._counter = counter
        self._tell = tell

    def run(self) -> None:
        train = self._data.summary.train
        with open_pairs(self._data.folder, train=train) as pairs:
            changed = self._repair(pairs)
        edited = self._stage / "repaired.arrow"
        with Pairs(edited, train=train) as pairs:
            reasons = self._judge(pairs, changed)
            self._write(pairs, reasons)
        edited.unlink()

    def _repair(self, pairs: Pairs) -> Bools:
        """Write all pairs with the repairs done, and return which of them changed."""
        changed = np.zeros(len(pairs), dtype=bool)
        with pa.OSFile(str(self._stage / "repaired.arrow"), "wb") as file:
            writer: pa.ipc.RecordBatchFileWriter | None = None
            for batch in pairs.batches():
                for name in self._repairs:
                    batch, own = repaired(batch, name)  # noqa: PLW2901 - each repair takes what the last one left
                    changed[batch.rows] |= own
                if writer is None:
                    writer = pa.ipc.new_file(file, batch.records.schema)
                writer.write_batch(batch.records)
                self._tell(0.3 * (batch.rows[-1] + 1) / len(pairs))
            if writer is not None:
                writer.close()
        return changed

    def _judge(self, pairs: Pairs, changed: Bools) -> dict[int, str]:
        """Return which pairs are set aside, and why, in words."""
        checks = tuple({*_ALWAYS, *(_ROW_CHECKS[name] for name in self._drops if name in _ROW_CHECKS)})
        sketch = any(name in _ALIKE for name in self._drops)
        facts = gather(pairs, checks, sketch=sketch, tell=lambda share: self._tell(0.3 + 0.3 * share))
        lengths: Lengths | None = None
        if any(name in BY_LENGTH for name in self._drops):
            lengths = count_lengths(pairs, facts.sizes, facts.turns, self._counter, tell=lambda: self._tell(0.65))
        reasons: dict[int, str] = {}
        left = np.arange(len(pairs), dtype=np.int64)
        spoilt = changed & (facts.masks["same-answers"] | facts.masks["empty-answers"])
        steps = [("A repair left the answers empty or the same.", numbers(spoilt))] if spoilt.any() else []
        for name in (None, *self._drops):
            if name is not None:
                rows = _concerned(name, facts, lengths, self._max_length)
                steps = [(f"{name}: {REMEDIES[name].because}", rows)]
            for words, rows in steps:
                reasons.update((int(row), words) for row in left[rows])
                kept = np.ones(len(left), dtype=bool)
                kept[rows] = False
                left, facts = left[kept], facts.only(kept)
                lengths = None if lengths is None else lengths.only(kept)
            steps = []
        if not facts.train:
            raise DataProblem(
                "nothing-left",
                "The remedies would leave nothing to train on.",
                detail=f"Of {len(pairs):,} pairs {len(reasons):,} would be set aside.",
                hint="Apply fewer remedies, or raise the maximum length.",
            )
        return reasons

    def _write(self, pairs: Pairs, reasons: Mapping[int, str]) -> None:
        kept = np.ones(len(pairs), dtype=bool)
        kept[list(reasons)] = False
        rows_left: set[tuple[str, int]] = set()
        gone: list[tuple[tuple[str, int], SetAside]] = []
        writers: list[pa.ipc.RecordBatchFileWriter | pq.ParquetWriter] = []
        try:
            for batch in pairs.batches():
                own = kept[batch.rows]
                sources = list(_sources(batch))
                rows_left.update(source for source, keep in zip(sources, own, strict=True) if keep)
                for place in np.flatnonzero(~own).tolist():
                    words = reasons[int(batch.rows[place])]
                    row = SetAside(*sources[place], Reason.REMEDY, words, _excerpt(batch, place))
                    gone.append((sources[place], row))
                records = batch.records.filter(pa.array(own))
                writers = writers or [
                    pa.ipc.new_file(str(self._stage / PAIRS_TO_VIEW), records.schema),
                    pq.ParquetWriter(str(self._stage / PAIRS), records.schema, compression="zstd"),
                ]
                for writer in writers:
                    writer.write_batch(records)
                self._tell(0.7 + 0.3 * (batch.rows[-1] + 1) / len(pairs))
        finally:
            for writer in writers:
                writer.close()
        vanished = {source: row for source, row in reversed(gone) if source not in rows_left}
        self._write_aside(list(reversed(vanished.values())))
        self._write_summary(kept, len(vanished))

    def _write_aside(self, rows: Sequence[SetAside]) -> None:
        target = self._stage / SET_ASIDE
        shutil.copyfile(self._data.set_aside_file, target)
        with target.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)

    def _write_summary(self, kept: Bools, vanished: int) -> None:
        before = self._data.summary
        aside = Tally(before.set_aside)
        if vanished:
            aside[Reason.REMEDY] += vanished
        train = int(kept[: before.train].sum())
        summary: Summary = replace(
            before,
            rows_used=before.rows_used - vanished,
            kept=int(kept.sum()),
            set_aside=dict(aside),
            train=train,
            held_out=int(kept.sum()) - train,
            remedies=(*before.remedies, *self._names),
        )
        (self._stage / SUMMARY).write_text(summary.to_json(), encoding="utf-8")


def _concerned(name: str, facts: Facts, lengths: Lengths | None, max_length: int) -> Ints:
    """Return the pairs that a remedy sets aside, of those that are left."""
    if name in _ROW_CHECKS:
        return numbers(facts.masks[_ROW_CHECKS[name].kind.code])
    if name in _ALIKE:
        return _ALIKE[name](facts)
    if lengths is None:
        raise AssertionError(name)
    return no_room(lengths, max_length) if name == "drop-no-room" else truncated(lengths, max_length)


def _sources(batch: PairBatch) -> Iterator[tuple[str, int]]:
    """Yield the source and the row that each pair comes from: several pairs may come from one row."""
    files, rows = (batch.records.column(name).to_pylist() for name in ("file", "source_row"))
    return zip(map(str, files), map(int, rows), strict=True)


def _excerpt(batch: PairBatch, place: int) -> str:
    pair = batch.records.slice(place, 1).select(list(PARTS)).to_pylist()[0]
    return json.dumps(pair, ensure_ascii=False)[:EXCERPT]
