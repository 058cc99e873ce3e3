"""Convert sources once into the canonical files, losing no row in silence."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from orpo_studio.data import prepared
from orpo_studio.data.digest import Content, digest_of
from orpo_studio.data.pipeline import Cancel, Pipeline, Progress, Reading, RowsRead, contents_of
from orpo_studio.data.plan import DataPlan
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.staging import scratch_beside, staged

__all__ = ["Cancel", "Progress", "Reading", "RowsRead", "convert", "convert_plan", "prepare", "prepare_plan"]


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
    plan: DataPlan,
    out_dir: Path,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    reading: Reading | None = None,
) -> PreparedData:
    """Convert what a plan names into a folder, which appears only when it is complete and replaces an older one.

    Args:
        plan: sources, split and remedies. Rows with the same prompt are never both trained on and held out.
        out_dir: the folder to write.
        progress: told how far it is.
        cancel: asked whether to stop.
        reading: told how many rows have been read.

    Raises:
        DataProblem: a source cannot be used, or the folder cannot be written.
        ConversionCancelled: ``cancel`` said so; nothing is left behind.
    """
    contents, stop = contents_of(plan, cancel), cancel or _never
    return _convert(plan, out_dir, contents, tell=progress or _no_progress, stop=stop, reading=reading or _nobody_reads)


def _convert(
    plan: DataPlan,
    out_dir: Path,
    contents: Sequence[Content],
    *,
    tell: Progress,
    stop: Cancel,
    reading: Reading,
) -> PreparedData:
    try:
        if not plan.remedies:
            with staged(out_dir) as stage:
                Pipeline(plan, contents, stage, progress=tell, cancel=stop, reading=reading).run()
            return PreparedData.open(out_dir)
        with scratch_beside(out_dir) as before:
            untreated = replace(plan, remedies=())
            data = _convert(untreated, before, contents, tell=lambda share: tell(share / 2), stop=stop, reading=reading)
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
    plan: DataPlan,
    cache: Path,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    reading: Reading | None = None,
) -> PreparedData:
    """Return what a plan makes from a cache, converting only what the cache lacks.

    The cache goes by content: a file that was moved is known again, one that was changed is converted anew. Data with
    remedies starts from the data without them, which stays in the cache.

    Args:
        plan: sources, split and remedies.
        cache: the folder that holds what was converted before.
        progress: told how far it is.
        cancel: asked whether to stop.
        reading: told how many rows have been read, where they must be.

    Raises:
        DataProblem: a source cannot be used, or the cache cannot be written.
        ConversionCancelled: ``cancel`` said so.
    """
    tell, stop = progress or _no_progress, cancel or _never
    untreated = replace(plan, remedies=())
    contents = contents_of(untreated, cancel)
    key = _content_key(untreated, contents)
    try:
        known = PreparedData.open(cache / key)
    except DataProblem:
        share = 0.5 if plan.remedies else 1.0
        known = _convert(
            untreated,
            cache / key,
            contents,
            tell=lambda done: tell(done * share),
            stop=stop,
            reading=reading or _nobody_reads,
        )
    if plan.remedies:
        treatment = _treatment_key(plan, key)
        try:
            known = PreparedData.open(cache / treatment)
        except DataProblem:
            known = _treat(known, plan, cache / treatment, lambda done: tell(0.5 + done / 2), stop)
    here = str(plan.held_out) if isinstance(plan.held_out, Path) else None
    summary = replace(known.summary, source=str(plan.source), held_out_source=here)
    return replace(known, summary=summary, states=tuple(content.state for content in contents))


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


def _content_key(plan: DataPlan, contents: Sequence[Content]) -> str:
    """Return what stands for all that a plan without remedies makes."""
    key = blake2b(digest_size=16)
    separate = plan.separate
    setting = None if separate is not None else f"{type(plan.held_out).__name__} {plan.held_out}"
    for part in (prepared.VERSION, plan.seed, setting, plan.mapping, *plan.skipped):
        key.update(f"{part}\n".encode())
    for portion, content in zip(plan.all_portions, contents, strict=True):
        key.update(f"{content.digest} {portion.source.suffix} {portion.share} {portion.most}\n".encode())
    return key.hexdigest()


def _no_progress(_share: float) -> None:
    pass


def _nobody_reads(_read: RowsRead) -> None:
    pass


def _never() -> bool:
    return False
