"""Convert sources once into the canonical files, losing no row in silence."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

from orpo_studio.data import prepared
from orpo_studio.data.aside import AsideWriter
from orpo_studio.data.digest import bytes_of, digest_of
from orpo_studio.data.drawing import draw
from orpo_studio.data.gathering import Gathered, gather
from orpo_studio.data.plan import DataPlan, Portion
from orpo_studio.data.prepared import PreparedData, SourceSummary, Summary
from orpo_studio.data.problem import REASON_TITLES, ConversionCancelled, DataProblem, Reason
from orpo_studio.data.split import choose_held_out, held_out_count
from orpo_studio.data.staging import scratch_beside, staged

Progress = Callable[[float], None]
"""Told which share of the work is done, 0 to 1."""
Cancel = Callable[[], bool]
"""Asked now and then whether to stop, such as ``threading.Event().is_set``."""


def convert(
    source: Path,
    out_dir: Path,
    *,
    held_out: float | Path,
    seed: int,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedData:
    """Convert one source as it is: see `convert_plan`."""
    return convert_plan(DataPlan(source, held_out=held_out, seed=seed), out_dir, progress=progress, cancel=cancel)


def convert_plan(
    plan: DataPlan, out_dir: Path, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> PreparedData:
    """Convert what a plan names into a folder, which appears only when it is complete and replaces an older one.

    Args:
        plan: sources, split and remedies. Rows with the same prompt are never both trained on and held out.
        out_dir: the folder to write.
        progress: told how far it is.
        cancel: asked whether to stop.

    Raises:
        DataProblem: a source cannot be used, or the folder cannot be written.
        ConversionCancelled: ``cancel`` said so; nothing is left behind.
    """
    tell, stop = progress or _no_progress, cancel or _never
    try:
        if not plan.remedies:
            with staged(out_dir) as stage:
                _Conversion(plan, stage, progress=tell, cancel=stop).run()
            return PreparedData.open(out_dir)
        with scratch_beside(out_dir) as before:
            untreated = replace(plan, remedies=())
            data = convert_plan(untreated, before, progress=lambda share: tell(share / 2), cancel=cancel)
            return _treat(data, plan, out_dir, lambda share: tell(0.5 + share / 2), stop)
    except OSError as error:
        raise DataProblem(
            "cannot-write",
            "The converted data cannot be written.",
            detail=f"{error.filename or out_dir}: {error.strerror or error}",
            hint="Make room on the disk, or choose a folder that you may write to.",
        ) from error


def prepare(
    source: Path,
    *,
    held_out: float | Path,
    seed: int,
    cache: Path,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PreparedData:
    """Return the converted form of one source from a cache: see `prepare_plan`."""
    return prepare_plan(DataPlan(source, held_out=held_out, seed=seed), cache, progress=progress, cancel=cancel)


def prepare_plan(
    plan: DataPlan, cache: Path, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> PreparedData:
    """Return what a plan makes from a cache, converting only what the cache lacks.

    The cache goes by content: a file that was moved is known again, one that was changed is converted anew. Data with
    remedies starts from the data without them, which stays in the cache.

    Raises:
        DataProblem: a source cannot be used, or the cache cannot be written.
        ConversionCancelled: ``cancel`` said so.
    """
    tell = progress or _no_progress
    untreated = replace(plan, remedies=())
    key = _content_key(untreated, cancel)
    try:
        known = PreparedData.open(cache / key)
    except DataProblem:
        share = 0.5 if plan.remedies else 1.0
        known = convert_plan(untreated, cache / key, progress=lambda done: tell(done * share), cancel=cancel)
    if plan.remedies:
        treatment = _treatment_key(plan, key)
        try:
            known = PreparedData.open(cache / treatment)
        except DataProblem:
            known = _treat(known, plan, cache / treatment, lambda done: tell(0.5 + done / 2), cancel or _never)
    here = str(plan.held_out) if isinstance(plan.held_out, Path) else None
    return replace(known, summary=replace(known.summary, source=str(plan.source), held_out_source=here))


def _treat(data: PreparedData, plan: DataPlan, out_dir: Path, progress: Progress, cancel: Cancel) -> PreparedData:
    from orpo_studio.data.doctor.remedies import apply_remedies
    from orpo_studio.models.token_counter import TokenCounter

    counter = TokenCounter(plan.tokenizer) if plan.tokenizer is not None and _goes_by_length(plan) else None
    return apply_remedies(
        data,
        plan.remedies,
        out_dir,
        max_length=plan.max_length,
        counter=counter,
        progress=progress,
        cancel=cancel,
    )


def _treatment_key(plan: DataPlan, untreated: str) -> str:
    """Return what stands for all that the remedies of a plan make of the data without them."""
    parts: list[object] = [untreated, plan.remedies]
    if _goes_by_length(plan):
        parts.append(plan.max_length)
        parts.append(digest_of(plan.tokenizer / "tokenizer.json") if plan.tokenizer is not None else None)
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _goes_by_length(plan: DataPlan) -> bool:
    from orpo_studio.data.doctor.remedy_names import BY_LENGTH

    return not BY_LENGTH.isdisjoint(plan.remedies)


def _content_key(plan: DataPlan, cancel: Cancel | None) -> str:
    """Return what stands for all that a plan without remedies makes."""
    key = blake2b(digest_size=16)
    separate = plan.separate
    setting = None if separate is not None else f"{type(plan.held_out).__name__} {plan.held_out}"
    for part in (prepared.VERSION, plan.seed, setting, plan.mapping):
        key.update(f"{part}\n".encode())
    for portion in (*plan.portions, *([separate] if separate else [])):
        content = digest_of(portion.source, cancel, portion.split)
        key.update(f"{content} {portion.source.suffix} {portion.share} {portion.most}\n".encode())
    return key.hexdigest()


def _no_progress(_share: float) -> None:
    pass


def _never() -> bool:
    return False


class _Conversion:
    """One conversion, from the sources to the files of a folder that nobody sees yet."""

    def __init__(self, plan: DataPlan, stage: Path, *, progress: Progress, cancel: Cancel) -> None:
        self._plan = plan
        self._stage = stage
        self._progress = progress
        self._cancel = cancel

    def run(self) -> None:
        from orpo_studio.data.pair_files import write_split

        plan, separate = self._plan, self._plan.separate
        with (self._stage / prepared.SET_ASIDE).open("w", encoding="utf-8", errors="backslashreplace") as file:
            aside = AsideWriter(file)
            held, taken = [], frozenset[int]()
            if separate is not None:
                held = self._gather([separate], aside, taken, part=(0.0, 0.2))
                self._require_pairs(held, 1, aside)
                taken = frozenset(held[0].keys)
            train = self._gather(plan.portions, aside, taken, part=(0.2 if held else 0.0, 0.7))
            self._draw(train, aside)
            self._require_pairs(train, 2, aside)
        if separate is None and not isinstance(plan.held_out, Path):
            keys = [key for read in train for key, takes in zip(read.keys, read.takes, strict=True) if takes]
            taken = choose_held_out(keys, held_out_count(plan.held_out, len(keys)))
        sources = [*train, *held]
        pairs = sum(int(read.takes.sum()) for read in sources)
        counts = write_split(
            [(read.pairs, read.keys, read.takes) for read in sources],
            taken,
            self._stage / prepared.PAIRS,
            self._stage / prepared.PAIRS_TO_VIEW,
            lambda rows: self._tell(0.7 + 0.3 * min(1.0, rows / pairs)),
        )
        for read in sources:
            read.pairs.unlink()
        self._write_summary(train, held, aside.reasons, *counts)
        self._progress(1.0)

    def _tell(self, share: float) -> None:
        if self._cancel():
            raise ConversionCancelled
        self._progress(share)

    def _gather(
        self, portions: Sequence[Portion], aside: AsideWriter, taken: frozenset[int], part: tuple[float, float]
    ) -> list[Gathered]:
        start, end = part
        gathered = []
        for place, portion in enumerate(portions):
            # The columns by hand are the first source's; a further one is recognized by itself.
            mapping = self._plan.mapping if place == 0 else replace(self._plan.mapping, columns="")
            first = start + (end - start) * place / len(portions)
            width = (end - start) / len(portions)
            read = gather(
                portion,
                mapping,
                self._stage / f"{uuid4().hex}.arrow",
                seed=self._plan.seed,
                taken=taken,
                aside=aside,
                tell=lambda share, first=first, width=width: self._tell(first + share * width),  # type: ignore[misc]
            )
            gathered.append(read)
        return gathered

    def _draw(self, train: Sequence[Gathered], aside: AsideWriter) -> None:
        """Draw what the mix wants of each source, and set aside the rows that are not drawn."""
        import numpy as np

        for place, read in enumerate(train):
            read.takes = draw(read.portion, len(read.keys), seed=self._plan.seed, place=place)
            name = read.portion.source.name
            for row in np.setdiff1d(read.rows_of(read.takes == 0), read.rows_of(read.takes > 0)):
                aside.add(name, int(row), Reason.NOT_DRAWN, f"Of {name} only a part is taken.", "")

    def _require_pairs(self, sources: Sequence[Gathered], least: int, aside: AsideWriter) -> None:
        pairs = sum(int((read.takes > 0).sum()) for read in sources)
        if pairs >= least:
            return
        first = sources[0]
        reasons = "; ".join(f"{REASON_TITLES[reason]}: {count:,}" for reason, count in aside.reasons.most_common())
        raise DataProblem(
            "too-few-rows",
            f"{first.portion.source.name} has {pairs} usable row{'' if pairs == 1 else 's'}; at least {least} "
            "are needed.",
            detail=f"Read as '{first.recognition.layout}'. Rows in the file: {first.rows_in:,}. {reasons}".strip(),
            hint="Choose a file with more preference pairs, or correct these rows.",
        )

    def _write_summary(
        self, train_on: Sequence[Gathered], held: Sequence[Gathered], reasons: dict[Reason, int], *counts: int
    ) -> None:
        train, held_out = counts
        plan, separate = self._plan, self._plan.separate
        sources = [*train_on, *held]
        summaries = tuple(map(_source_summary, sources))
        first = summaries[0]
        summary = Summary(
            rows_in=sum(read.rows_in for read in sources),
            rows_used=sum(len(read.rows_of(read.takes > 0)) for read in sources),
            kept=train + held_out,
            set_aside=dict(reasons),
            train=train,
            held_out=held_out,
            layout=first.layout,
            evidence=first.evidence,
            source=str(plan.source),
            source_bytes=first.bytes,
            source_digest=first.digest,
            held_out_source=str(separate.source) if separate else None,
            held_out_digest=summaries[-1].digest if separate else None,
            held_out_setting=None if separate or isinstance(plan.held_out, Path) else plan.held_out,
            seed=plan.seed,
            sources=summaries,
        )
        with (self._stage / prepared.SUMMARY).open("w", encoding="utf-8") as file:
            file.write(summary.to_json())
            file.flush()
            os.fsync(file.fileno())


def _source_summary(read: Gathered) -> SourceSummary:
    source, split = read.portion.source, read.portion.split
    return SourceSummary(
        path=str(source),
        split=split,
        layout=read.recognition.layout,
        evidence=read.recognition.evidence,
        rows_in=read.rows_in,
        pairs=int(read.takes.sum()),
        bytes=bytes_of(source, split),
        digest=digest_of(source, None, split),
    )
