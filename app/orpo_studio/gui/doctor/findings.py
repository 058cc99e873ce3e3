"""All findings, the worst first; the checks that found nothing wrong are behind a fold."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from orpo_studio.gui.doctor.finding_card import FindingCard
from orpo_studio.gui.doctor.one_by_one import OneByOne
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.widgets.fold import Fold

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Finding, Report

OPEN_AT_FIRST = 3
"""As many serious findings and warnings are open when a report is first shown."""


class Findings(QWidget):
    """Cards below each other."""

    rows_wanted = Signal(object)
    remedy_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[FindingCard] = []
        self._good: Fold | None = None
        self._making = OneByOne(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em(0.5))
        self._heading = label("", "heading")
        self._column.addWidget(self._heading)

    def show_report(self, report: "Report", *, editable: bool, in_force: Collection[str] = ()) -> None:
        """Show the findings of a report.

        Args:
            report: what was found.
            editable: whether remedies can be taken.
            in_force: names of the remedies that the data went through already.
        """
        was_open = frozenset(card.finding.code for card in self.cards if card.is_open) if self.cards else None
        self._clear()
        order = ("serious", "warning", "note")
        wrong = sorted((f for f in report.findings if f.severity in order), key=lambda f: order.index(f.severity))
        good = [finding for finding in report.findings if finding.severity == "good"]
        self._heading.setText("What was found" if wrong else "Nothing to fix was found.")
        pressing = [finding.code for finding in wrong if finding.severity != "note"][:OPEN_AT_FIRST]
        opened = frozenset(pressing) if was_open is None else was_open
        calls: list[Callable[[], None]] = [
            partial(self._add, finding, editable=editable, in_force=in_force, is_open=finding.code in opened)
            for finding in wrong
        ]
        if good:
            calls.append(partial(self._add_good, good))
        self._making.begin(calls)

    @property
    def is_complete(self) -> bool:
        """Whether all cards are there."""
        return self._making.is_done

    def _add(self, finding: "Finding", *, editable: bool, in_force: Collection[str], is_open: bool) -> None:
        is_treated = finding.remedy is not None and finding.remedy.name in in_force
        card = FindingCard(finding, editable=editable, is_treated=is_treated)
        card.rows_wanted.connect(self.rows_wanted)
        card.remedy_wanted.connect(self.remedy_wanted)
        self._column.addWidget(card)
        card.set_open(is_open)
        self.cards.append(card)

    def _add_good(self, good: "Sequence[Finding]") -> None:
        checks = "check" if len(good) == 1 else "checks"
        self._good = Fold(f"✓ {len(good)} {checks} found nothing wrong", lambda: _good_list(good))
        self._column.addWidget(self._good)

    def _clear(self) -> None:
        for widget in (*self.cards, *((self._good,) if self._good is not None else ())):
            self._column.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self.cards, self._good = [], None


def _good_list(good: "Sequence[Finding]") -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(em(1), 0, 0, 0)
    column.setSpacing(em(0.3))
    for finding in good:
        column.addWidget(label(f"✓ {finding.title}", "muted", wrap=True, selectable=True))
    return box
