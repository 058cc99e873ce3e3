"""What the data doctor says: findings, histograms, and how clean the preferences look."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

REPORT_VERSION = 2
"""Version of a report's JSON; one of another version is made again."""
MOST_ROWS = 10_000
"""Rows kept with a finding; the count tells of all."""
MOST_PLACES = 10
"""Pairs of a finding of which it is kept where they come from."""


class Severity(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    SERIOUS = "serious"


SEVERITY_ORDER = (Severity.SERIOUS, Severity.WARNING, Severity.NOTE, Severity.GOOD)
"""The worst first, as a report lists them."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that can be done about a finding; it makes a new version of the data and never edits the source.

    Attributes:
        name: a stable name, such as ``drop-exact-duplicates``.
        title: what a button says, such as "Set aside 41 duplicates".
        words: what it does, exactly.
    """

    name: str
    title: str
    words: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pair comes from.

    Attributes:
        file: name of its source; empty where all pairs come from one.
        row: where it stood there, counted from 1.
    """

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen in the data, good or bad.

    Attributes:
        code: a stable name for programs, such as ``exact-duplicates``.
        title: what was seen, in one short sentence.
        severity: how much it matters.
        count: how many pairs it concerns.
        share: that count over the pairs looked at, 0 to 1.
        rows: numbers of the pairs, as `PairPages` counts them: from 0 over all pairs, training ones first. At most
            `MOST_ROWS` of them.
        why: why it matters for ORPO.
        advice: what to do.
        remedy: what one click does about it, or None.
        examples: short excerpts, personal data masked.
        places: where the first of its pairs come from, at most `MOST_PLACES`.
    """

    code: str
    title: str
    severity: Severity
    count: int
    share: float
    rows: tuple[int, ...]
    why: str
    advice: str
    remedy: Remedy | None
    examples: tuple[str, ...]
    places: tuple[Place, ...] = ()

    def where(self) -> str:
        """Return where its pairs come from: ``Rows 3, 17 and 20.``, with the files where there are several."""
        if not self.places:
            return ""
        by_file: dict[str, list[int]] = {}
        for place in self.places:
            by_file.setdefault(place.file, []).append(place.row)
        parts = [f"{file}{': ' if file else ''}{_rows(rows)}" for file, rows in by_file.items()]
        if (more := self.count - len(self.places)) > 0:
            parts.append(f"and {more:,} more {'pair' if more == 1 else 'pairs'}")
        words = "; ".join(parts)
        return words if words.startswith(tuple(filter(None, by_file))) else words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a figure falls between two edges.

    Attributes:
        name: a stable name, such as ``lengths``.
        title: the heading.
        unit: of the edges, such as ``tokens``.
        edges: n + 1 rising edges of n bins; the last bin holds everything above as well.
        series: name and n counts of each series.
        mark: a figure to mark, such as the maximum length, or None.
    """

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]
    mark: float | None


@dataclass(frozen=True, slots=True)
class Cleanliness:
    """How clean the preferences look.

    Attributes:
        score: 0 (no better than drawn by lot, or nothing usable) to 100.
        noise: estimated share of pairs whose preference is flipped or contradicted, 0 to 0.5.
        low: lower end of the interval of `noise` (95 %).
        high: upper end.
        grounds: what the figure rests on, a sentence each.
        trust: how far it can be trusted, in words.
    """

    score: float
    noise: float
    low: float
    high: float
    grounds: tuple[str, ...]
    trust: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that was made.

    Attributes:
        name: its stable name, such as ``near-duplicates``.
        title: what it looks for.
        pairs: how many pairs it looked at.
        seconds: how long it took.
        note: what must be known of it, such as that it took a sample; often empty.
    """

    name: str
    title: str
    pairs: int
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor found in one version of the data.

    Attributes:
        findings: the most serious first.
        histograms: lengths, differences, similarities.
        cleanliness: of the preferences as a whole.
        pairs: how many pairs there are, the held-out ones included.
        max_length: the maximum length that lengths were held against, in tokens.
        counted: what lengths are counted by: ``tokens``, or ``estimate`` (four bytes a token).
        checked: each check made.
        seconds: how long all of it took.
    """

    findings: tuple[Finding, ...]
    histograms: tuple[Histogram, ...]
    cleanliness: Cleanliness
    pairs: int
    max_length: int
    counted: str
    checked: tuple[Checked, ...]
    seconds: float

    def finding(self, code: str) -> Finding | None:
        """Return the finding of a code, or None."""
        return next((finding for finding in self.findings if finding.code == code), None)

    def remedies(self) -> tuple[Remedy, ...]:
        """Return what can be done, in the order of the findings, each once."""
        offered = {finding.remedy.name: finding.remedy for finding in self.findings if finding.remedy is not None}
        return tuple(offered.values())

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps({"version": REPORT_VERSION, **asdict(self)}, ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a report; raises ValueError, KeyError or TypeError where the text is none of this version."""
        fields: dict[str, Any] = json.loads(text)
        if fields.pop("version") != REPORT_VERSION:
            raise ValueError("The report is of another version.")
        fields["findings"] = tuple(map(_finding, fields["findings"]))
        fields["histograms"] = tuple(map(_histogram, fields["histograms"]))
        fields["cleanliness"] = Cleanliness(
            **{**fields["cleanliness"], "grounds": tuple(fields["cleanliness"]["grounds"])}
        )
        fields["checked"] = tuple(Checked(**check) for check in fields["checked"])
        return cls(**fields)


def _finding(fields: Mapping[str, Any]) -> Finding:
    return Finding(
        **{
            **fields,
            "severity": Severity(fields["severity"]),
            "rows": tuple(fields["rows"]),
            "remedy": None if fields["remedy"] is None else Remedy(**fields["remedy"]),
            "examples": tuple(fields["examples"]),
            "places": tuple(Place(**place) for place in fields["places"]),
        }
    )


def _rows(rows: Sequence[int]) -> str:
    told = [f"{row:,}" for row in dict.fromkeys(rows)]
    return f"row {told[0]}" if len(told) == 1 else f"rows {', '.join(told)}"


def _histogram(fields: Mapping[str, Any]) -> Histogram:
    series = tuple((name, tuple(counts)) for name, counts in fields["series"])
    return Histogram(**{**fields, "edges": tuple(fields["edges"]), "series": series})
