"""One conversion, from the sources to the files of a folder that nobody sees yet."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from orpo_studio.data import prepared
from orpo_studio.data.aside import AsideWriter
from orpo_studio.data.digest import Content, content_of, require_unchanged
from orpo_studio.data.drawing import draw
from orpo_studio.data.gathering import Gathered, gather
from orpo_studio.data.plan import DataPlan, Portion
from orpo_studio.data.prepared import SourceSummary, Summary
from orpo_studio.data.problem import REASON_TITLES, ConversionCancelled, DataProblem, Reason
from orpo_studio.data.skipping import of_source, require_sources
from orpo_studio.data.source_names import distinct_names
from orpo_studio.data.split import choose_held_out, held_out_count

Progress = Callable[[float], None]
"""Told which share of the work is done, 0 to 1."""
Cancel = Callable[[], bool]
"""Asked now and then whether to stop, such as ``threading.Event().is_set``."""
_SURE_FROM = 0.01
"""From this share of a source on, its rows so far tell how many it has."""


@dataclass(frozen=True, slots=True)
class RowsRead:
    """How far the reading of the sources is.

    Attributes:
        rows: rows read.
        of: about how many there are in all; None where that cannot be told.
    """

    rows: int
    of: int | None


Reading = Callable[[RowsRead], None]
"""Told how many rows have been read, as long as rows are being read."""


def contents_of(plan: DataPlan, cancel: Cancel | None = None) -> list[Content]:
    """Return what stands for the content of each source: those to train on, and a separate one of held-out pairs last.

    Raises:
        DataProblem: a source cannot be read.
        ConversionCancelled: ``cancel`` said so.
    """
    return [content_of(portion.source, cancel, portion.split) for portion in plan.all_portions]


class Pipeline:
    """Sources → rows → pairs → split → files."""

    def __init__(
        self,
        plan: DataPlan,
        contents: Sequence[Content],
        stage: Path,
        *,
        progress: Progress,
        cancel: Cancel,
        reading: Reading,
    ) -> None:
        self._plan = plan
        self._contents = contents
        self._names = distinct_names(plan.all_portions)
        self._stage = stage
        self._progress = progress
        self._cancel = cancel
        self._reading = reading
        self._rows_before = 0
        self._first: Portion | None = None
        """The source whose rows are named without its name."""

    def run(self) -> None:
        """Write all files.

        Raises:
            DataProblem: a source cannot be used, or was changed while it was read.
            ConversionCancelled: ``cancel`` said so.
        """
        from orpo_studio.data.pair_files import write_split

        plan, separate = self._plan, self._plan.separate
        require_sources(plan.skipped, self._names)
        with (self._stage / prepared.SET_ASIDE).open("w", encoding="utf-8", errors="backslashreplace") as file:
            aside = AsideWriter(file)
            held, taken = [], frozenset[int]()
            if separate is not None:
                held = self._gather([separate], self._names[-1:], aside, taken, part=(0.0, 0.2))
                self._require_pairs(held, 1, aside)
                taken = frozenset(held[0].keys)
            portions = plan.portions
            self._first = portions[0]
            train = self._gather(portions, self._names, aside, taken, part=(0.2 if held else 0.0, 0.7))
            self._draw(train, aside)
            self._require_pairs(train, 2, aside)
        for portion, content in zip(plan.all_portions, self._contents, strict=True):
            require_unchanged(portion.source, portion.split, content)
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
        self._write_summary(sources, aside.reasons, *counts)
        self._progress(1.0)

    def _tell(self, share: float) -> None:
        if self._cancel():
            raise ConversionCancelled
        self._progress(share)

    def _gather(
        self,
        portions: Sequence[Portion],
        names: Sequence[str],
        aside: AsideWriter,
        taken: frozenset[int],
        part: tuple[float, float],
    ) -> list[Gathered]:
        start, end = part
        width = (end - start) / len(portions)
        gathered = []
        for place, portion in enumerate(portions):
            # The columns by hand are the first source's; a further one is recognized by itself.
            mapping = self._plan.mapping if place == 0 else replace(self._plan.mapping, columns="")
            read = gather(
                portion,
                mapping,
                self._stage / f"{uuid4().hex}.arrow",
                name=names[place],
                seed=self._plan.seed,
                taken=taken,
                skipped=of_source(self._plan.skipped, names[place], is_first=portion is self._first),
                aside=aside,
                tell=self._teller(start + width * place, width),
            )
            self._rows_before += read.rows_in
            gathered.append(read)
        return gathered

    def _teller(self, first: float, width: float) -> Callable[[float, int], None]:
        is_only = len(self._contents) == 1

        def tell(share: float, rows: int) -> None:
            of = max(rows, round(rows / share)) if is_only and share >= _SURE_FROM else None
            self._reading(RowsRead(self._rows_before + rows, of))
            self._tell(first + share * width)

        return tell

    def _draw(self, train: Sequence[Gathered], aside: AsideWriter) -> None:
        """Draw what the mix wants of each source, and set aside the rows that are not drawn."""
        import numpy as np

        for place, read in enumerate(train):
            read.takes = draw(read.portion, len(read.keys), seed=self._plan.seed, place=place)
            for row in np.setdiff1d(read.rows_of(read.takes == 0), read.rows_of(read.takes > 0)):
                aside.add(read.name, int(row), Reason.NOT_DRAWN, f"Of {read.name} only a part is taken.", "")

    def _require_pairs(self, sources: Sequence[Gathered], least: int, aside: AsideWriter) -> None:
        pairs = sum(int((read.takes > 0).sum()) for read in sources)
        if pairs >= least:
            return
        first = sources[0]
        reasons = "; ".join(f"{REASON_TITLES[reason]}: {count:,}" for reason, count in aside.reasons.most_common())
        raise DataProblem(
            "too-few-rows",
            f"{first.name} has {pairs} usable row{'' if pairs == 1 else 's'}; at least {least} "
            f"{'is' if least == 1 else 'are'} needed.",
            detail=f"Read as '{first.recognition.layout}'. Rows in the file: {first.rows_in:,}. {reasons}".strip(),
            hint="Choose a file with more preference pairs, or correct these rows.",
        )

    def _write_summary(
        self, sources: Sequence[Gathered], reasons: dict[Reason, int], train: int, held_out: int
    ) -> None:
        plan, separate = self._plan, self._plan.separate
        summaries = tuple(map(_source_summary, sources, self._contents))
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


def _source_summary(read: Gathered, content: Content) -> SourceSummary:
    return SourceSummary(
        path=str(read.portion.source),
        name=read.name,
        split=read.portion.split,
        layout=read.recognition.layout,
        evidence=read.recognition.evidence,
        rows_in=read.rows_in,
        pairs=int(read.takes.sum()),
        bytes=content.bytes,
        digest=content.digest,
    )
