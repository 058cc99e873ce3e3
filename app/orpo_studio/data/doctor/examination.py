"""Examine converted preference data: run every check and put the findings together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from orpo_studio.data.doctor import answers, duplicates, languages, noise, privacy, sets, text
from orpo_studio.data.doctor.check import MOST_EXAMPLES, Kind, RowCheck, beginning, finding, numbers
from orpo_studio.data.doctor.columns import Ints, Pairs, open_pairs
from orpo_studio.data.doctor.facts import Facts, gather
from orpo_studio.data.doctor.lengths import (  # fmt: skip
    LENGTH_BIAS,
    NO_ROOM,
    TRUNCATED,
    Counter,
    Lengths,
    count_lengths,
    histograms,
    length_findings,
)
from orpo_studio.data.doctor.remedy_names import offer
from orpo_studio.data.doctor.report import MOST_PLACES, SEVERITY_ORDER, Checked, Cleanliness, Finding, Place, Report
from orpo_studio.data.doctor.sketch import likeness
from orpo_studio.data.pipeline import Cancel, Progress
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled

ROW_CHECKS: tuple[RowCheck, ...] = (*answers.CHECKS, *text.CHECKS, *privacy.CHECKS, *languages.CHECKS)
"""The checks that look at one pair by itself."""
_PAIR_CHECKS: tuple[tuple[Kind, Callable[[Facts], Ints]], ...] = (
    (duplicates.EXACT_DUPLICATES, duplicates.exact_duplicates),
    (duplicates.NEAR_DUPLICATES, duplicates.near_duplicates),
    (duplicates.CONTRADICTORY_PAIRS, duplicates.contradictory_pairs),
    (sets.HELD_OUT_OVERLAP, sets.held_out_overlap),
)
KINDS: tuple[Kind, ...] = (
    *(check.kind for check in ROW_CHECKS),
    *(kind for kind, _ in _PAIR_CHECKS),
    *(NO_ROOM, TRUNCATED, LENGTH_BIAS),
    *(languages.MIXED_LANGUAGES, languages.LANGUAGE_MISMATCH),
    *(sets.SMALL_SET, sets.ONE_TOPIC, sets.TOXIC_SOURCE),
    noise.DOUBTFUL,
)
"""Everything that is looked for; each makes one finding of a report."""


def examine(
    data: PreparedData,
    *,
    counter: Counter | None = None,
    max_length: int = 1024,
    model_margins: Sequence[float | None] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Report:
    """Return what is right and wrong with converted preference data; the same data always gives the same report.

    Args:
        data: what to examine; nothing of it is changed.
        counter: the chosen model's tokenizer; without one lengths are estimated, four bytes a token.
        max_length: longest sequence, in tokens, that lengths are held against.
        model_margins: for each pair, in the order of `PairPages`, how much likelier the base model finds the chosen
            answer (log-odds difference); None where it was not asked.
        progress: told how far it is, 0 to 1.
        cancel: asked now and then whether to stop.

    Raises:
        ConversionCancelled: ``cancel`` said so.
    """
    with open_pairs(data.folder, train=data.summary.train) as pairs:
        examination = _Examination(
            pairs,
            name_files=len(data.summary.sources) > 1,
            counter=counter,
            max_length=max_length,
            model_margins=model_margins,
            progress=progress,
            cancel=cancel,
        )
        return examination.run()


class _Examination:
    """One examination: what it has found so far, and how long each check took."""

    def __init__(
        self,
        pairs: Pairs,
        *,
        name_files: bool,
        counter: Counter | None,
        max_length: int,
        model_margins: Sequence[float | None] | None,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> None:
        self._pairs = pairs
        self._name_files = name_files
        self._counter = counter
        self._max_length = max_length
        self._model_margins = model_margins
        self._progress = progress
        self._cancel = cancel
        self._findings: list[Finding] = []
        self._checked: list[Checked] = []

    def run(self) -> Report:
        start = time.perf_counter()
        self._tell(0.0)
        facts = gather(self._pairs, ROW_CHECKS, tell=lambda share: self._tell(0.55 * share))
        self._look_at_rows(facts)
        self._look_at_pairs(facts)
        self._tell(0.65)
        lengths = self._look_at_lengths(facts)
        self._tell(0.75)
        self._look_at_languages()
        self._tell(0.85)
        self._look_at_set(facts)
        self._tell(0.88)
        cleanliness = self._look_at_noise(facts)
        alike = np.zeros(0) if facts.sketched is None else likeness(facts.sketched.chosen, facts.sketched.rejected)
        report = Report(
            findings=tuple(self._placed(found) for found in sorted(self._findings, key=_weight)),
            histograms=histograms(lengths, alike, self._max_length),
            cleanliness=cleanliness,
            pairs=len(self._pairs),
            max_length=self._max_length,
            counted="estimate" if self._counter is None else "tokens",
            checked=tuple(self._checked),
            seconds=time.perf_counter() - start,
        )
        self._tell(1.0)
        return report

    def _placed(self, found: Finding) -> Finding:
        """Say where the pairs of a finding come from; of what is true of most pairs that would tell nothing."""
        if found.share >= 0.5:
            return found
        records = [self._pairs.one(row).records for row in found.rows[:MOST_PLACES]]
        places = [(record.column("file")[0].as_py(), record.column("source_row")[0].as_py()) for record in records]
        return replace(found, places=tuple(Place(file if self._name_files else "", row) for file, row in places))

    def _tell(self, share: float) -> None:
        if self._cancel is not None and self._cancel():
            raise ConversionCancelled
        if self._progress is not None:
            self._progress(share)

    def _add(self, found: Finding, kind: Kind, seconds: float, *, pairs: int | None = None, note: str = "") -> None:
        self._findings.append(found)
        looked = len(self._pairs) if pairs is None else pairs
        self._checked.append(Checked(kind.code, kind.looks_for, looked, seconds, note))

    def _look_at_rows(self, facts: Facts) -> None:
        for check in ROW_CHECKS:
            rows = numbers(facts.masks[check.kind.code])
            examples = tuple(check.example(self._pairs.one(int(row)), 0) for row in rows[:MOST_EXAMPLES])
            found = finding(
                check.kind, rows, facts.pairs, remedy=offer(check.kind.remedy, len(rows)), examples=examples
            )
            self._add(found, check.kind, facts.seconds.get(check.kind.code, 0.0))

    def _look_at_pairs(self, facts: Facts) -> None:
        show = beginning("prompt")
        for kind, where in _PAIR_CHECKS:
            start = time.perf_counter()
            rows = where(facts)
            examples = tuple(show(self._pairs.one(int(row)), 0) for row in rows[:MOST_EXAMPLES])
            found = finding(kind, rows, facts.pairs, remedy=offer(kind.remedy, len(rows)), examples=examples)
            self._add(found, kind, time.perf_counter() - start)
            self._tell(0.6)

    def _look_at_lengths(self, facts: Facts) -> Lengths:
        start = time.perf_counter()
        lengths = count_lengths(self._pairs, facts.sizes, facts.turns, self._counter, tell=lambda: self._tell(0.7))
        seconds = time.perf_counter() - start
        note = _how_counted(lengths, facts.pairs)
        for found, kind in zip(
            length_findings(lengths, self._max_length), (NO_ROOM, TRUNCATED, LENGTH_BIAS), strict=True
        ):
            self._add(found, kind, seconds / 3, note=note)
        return lengths

    def _look_at_languages(self) -> None:
        start = time.perf_counter()
        found = languages.tell_languages(self._pairs, tell=lambda share: self._tell(0.75 + 0.1 * share))
        kinds = (languages.MIXED_LANGUAGES, languages.LANGUAGE_MISMATCH)
        seconds = time.perf_counter() - start
        count = len(found.rows)
        note = f"A sample of {count:,} pairs." if count < len(self._pairs) else ""
        for one, kind in zip(languages.language_findings(found), kinds, strict=True):
            self._add(one, kind, seconds / 2, pairs=count, note=note)

    def _look_at_set(self, facts: Facts) -> None:
        looks: tuple[tuple[Kind, Callable[[], Finding]], ...] = (
            (sets.SMALL_SET, lambda: sets.small_set(facts)),
            (sets.ONE_TOPIC, lambda: sets.one_topic(facts, self._pairs)),
            (sets.TOXIC_SOURCE, lambda: sets.toxic_finding(facts)),
        )
        for kind, look in looks:
            start = time.perf_counter()
            found = look()
            self._add(found, kind, time.perf_counter() - start)

    def _look_at_noise(self, facts: Facts) -> Cleanliness:
        start = time.perf_counter()
        contradictory = duplicates.contradictory_pairs(facts)
        estimate = noise.estimate(
            self._pairs, facts, contradictory, self._model_margins, tell=lambda share: self._tell(0.88 + 0.12 * share)
        )
        show = beginning("prompt")
        examples = tuple(show(self._pairs.one(int(row)), 0) for row in estimate.doubtful[:MOST_EXAMPLES])
        found = finding(noise.DOUBTFUL, estimate.doubtful, max(1, estimate.looked_at), examples=examples)
        note = f"A sample of {estimate.looked_at:,} pairs." if estimate.looked_at < facts.pairs else ""
        self._add(found, noise.DOUBTFUL, time.perf_counter() - start, pairs=estimate.looked_at, note=note)
        return estimate.cleanliness


def _weight(found: Finding) -> tuple[int, float]:
    return SEVERITY_ORDER.index(found.severity), -found.share


def _how_counted(lengths: Lengths, pairs: int) -> str:
    if not lengths.counted:
        return f"Estimated: {lengths.bytes_per_token:.1f} bytes a token. Choose a model to count by its tokenizer."
    if lengths.counted < pairs:
        return (
            f"{lengths.counted:,} pairs counted by the tokenizer, the others estimated at "
            f"{lengths.bytes_per_token:.2f} bytes a token."
        )
    return "Counted by the tokenizer; what a chat template adds is estimated at 5 tokens a turn."
