"""The doctor on the Data page with real checks: pairs of a finding in the table, a remedy taken and taken back."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio.data.doctor.report import Finding
from orpo_studio.gui.doctor.finding_card import FindingCard
from orpo_studio.gui.pages.data import DataPage
from orpo_studio.gui.workbench import Workbench

WAIT_MS = 60_000


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench, tmp_path: Path) -> DataPage:
    """The page with eighty pairs, ten of which stand there twice, examined."""
    made = DataPage(bench)
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    topics = ("tulips", "hoses", "soil", "roses", "pots", "seeds", "spades", "hedges", "ponds", "bulbs")
    rows = [
        {
            "prompt": f"How do I look after {topic} in week {week}?",
            "chosen": f"Gladly. For {topic} in week {week}, water them in the morning and keep {week} hours of shade.",
            "rejected": f"No idea about {topic}, ask somebody else {week} times.",
        }
        for week in range(8)
        for topic in topics
    ]
    source = tmp_path / "pairs.jsonl"
    source.write_text("\n".join(map(json.dumps, [*rows, *rows[:10]])), encoding="utf-8")
    bench.draft.set("data.source", str(source))
    settle(qtbot, bench, made)
    return made


def settle(qtbot: QtBot, bench: Workbench, page: DataPage) -> None:
    def is_settled() -> bool:
        doctor = bench.doctor
        shown = bench.data.prepared is not None and doctor.report is not None and not doctor.is_outdated
        return shown and not bench.data.is_busy and not doctor.is_running and page.doctor.findings.is_complete

    qtbot.waitUntil(is_settled, timeout=WAIT_MS)


def find(page: DataPage, code: str) -> FindingCard | None:
    return next((card for card in page.doctor.findings.cards if card.finding.code == code), None)


def test_that_the_pairs_of_a_finding_are_shown_in_the_table(qtbot: QtBot, bench: Workbench, page: DataPage) -> None:
    page.show_doctor()
    assert page.stack.currentWidget() is page.doctor
    card = find(page, "exact-duplicates")
    assert card is not None
    card.set_open(True)
    assert card.show_rows is not None
    card.show_rows.click()

    finding: Finding = card.finding
    qtbot.waitUntil(lambda: page.browser.model.rowCount() == len(finding.rows), timeout=WAIT_MS)
    assert page.stack.currentWidget() is page.browser
    assert [page.browser.model.position(row) for row in range(len(finding.rows))] == sorted(finding.rows)


def test_that_a_remedy_makes_a_new_version_and_taking_it_back_the_old_one(
    qtbot: QtBot, bench: Workbench, page: DataPage
) -> None:
    before = bench.data.prepared
    assert before is not None
    page.show_doctor()
    card = find(page, "exact-duplicates")
    assert card is not None
    card.set_open(True)
    assert card.remedy is not None
    card.remedy.click()
    settle(qtbot, bench, page)

    after = bench.data.prepared
    assert after is not None
    assert after.summary.kept == before.summary.kept - 10
    assert after.summary.rows_in == before.summary.rows_in
    assert find(page, "exact-duplicates") is None
    name = card.finding.remedy.name if card.finding.remedy is not None else ""
    assert page.doctor.in_force.isVisibleTo(page.doctor)
    page.doctor.in_force.take_back[name].click()
    settle(qtbot, bench, page)
    assert bench.data.prepared is not None
    assert bench.data.prepared.folder == before.folder
    assert find(page, "exact-duplicates") is not None
    assert not page.doctor.in_force.isVisibleTo(page.doctor)


def test_that_an_issue_of_the_doctors_leads_to_its_report(bench: Workbench, page: DataPage) -> None:
    page.show_option("data.remedies")

    assert page.stack.currentWidget() is page.doctor
