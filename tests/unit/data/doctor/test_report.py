"""A report survives its JSON."""

from dataclasses import replace

import pytest

from orpo_studio.data.doctor.report import (
    Checked,
    Cleanliness,
    Finding,
    Histogram,
    Place,
    Remedy,
    Report,
    Severity,
)

REMEDY = Remedy("drop-exact-duplicates", "Set aside 2 duplicates", "Keeps the first of each group.")
FINDING = Finding(
    code="exact-duplicates",
    title="2 pairs stand here more than once.",
    severity=Severity.WARNING,
    count=2,
    share=0.02,
    rows=(3, 9),
    why="They count double.",
    advice="Set them aside.",
    remedy=REMEDY,
    examples=("Hello – “hi”",),
    places=(Place("a.jsonl", 4), Place("b.jsonl", 4)),
)
REPORT = Report(
    findings=(FINDING,),
    histograms=(Histogram("lengths", "Lengths", "tokens", (0.0, 1.0, 2.0), (("chosen", (3, 4)),), None),),
    cleanliness=Cleanliness(80.0, 0.1, 0.0, 0.2, ("Seen.",), "Hardly."),
    pairs=100,
    max_length=1024,
    counted="tokens",
    checked=(Checked("exact-duplicates", "Pairs that stand here twice", 100, 0.1),),
    seconds=1.5,
)


def test_that_a_report_is_the_same_after_its_json() -> None:
    assert Report.from_json(REPORT.to_json()) == REPORT


def test_that_a_report_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        Report.from_json(REPORT.to_json().replace('"version": 2', '"version": 999'))


def test_that_a_report_finds_by_code_and_offers_each_remedy_once() -> None:
    assert REPORT.finding("exact-duplicates") is FINDING
    assert REPORT.finding("no-such") is None
    assert REPORT.remedies() == (REMEDY,)


def test_that_a_finding_says_where_its_pairs_come_from() -> None:
    assert FINDING.where() == "a.jsonl: row 4; b.jsonl: row 4"
    alone = replace(FINDING, places=(Place("", 4), Place("", 1_010)), count=5)
    assert alone.where() == "Rows 4, 1,010; and 3 more pairs"
    assert replace(FINDING, places=()).where() == ""
