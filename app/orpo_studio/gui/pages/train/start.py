"""Before a run: what is about to start, what is missing, and what will be seen here."""

import textwrap

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QLayout, QVBoxLayout, QWidget

from orpo_studio import words
from orpo_studio.config import Issue, RunSpec
from orpo_studio.config.option import format_number
from orpo_studio.config.plan import make_plan
from orpo_studio.gui.disk import WORKSPACE
from orpo_studio.gui.runs.face import place_name
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, card, label
from orpo_studio.gui.workbench import Workbench

_MOST_ISSUES = 6
_LINE = 110
"""Letters in a row of a link, which cannot wrap by itself."""


class StartPanel(QWidget):
    """Summary of the draft with the Start button, or links to what is missing."""

    option_wanted = Signal(str)

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.frame, layout = card(spacing=0.9)
        self.heading = label("", "heading")
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(em(1.5))
        self._facts.setVerticalSpacing(em(0.4))
        self._facts.setColumnStretch(1, 1)
        self._issues = QVBoxLayout()
        self._issues.setSpacing(em(0.4))
        self.start = button("Start training", bench.start, "main", hint="Ctrl+Enter")
        self.demo = button("Try the demo", bench.use_demo)
        self.workspace = button("Choose another workspace…", bench.workspace_wanted.emit)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.demo)
        buttons.addWidget(self.workspace)
        buttons.addStretch(1)
        layout.addWidget(self.heading)
        layout.addLayout(self._facts)
        layout.addLayout(self._issues)
        layout.addLayout(buttons)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(em(1))
        outer.addWidget(self.frame)
        outer.addWidget(_what_will_be_drawn())
        outer.addStretch(1)
        for signal in (bench.issues_changed, bench.draft.changed, bench.model.changed, bench.data.changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the present draft."""
        if self._bench.read_only:
            return
        errors = [issue for issue in self._bench.issues() if issue.severity == "error"]
        warnings = [issue for issue in self._bench.issues() if issue.severity == "warning"]
        busy = self._bench.model.is_busy or self._bench.data.is_busy
        ready = self._bench.can_start()
        self.heading.setText(
            "Ready to start"
            if ready
            else "Reading model and data…"
            if busy and not errors
            else "Not ready to start yet"
        )
        _clear(self._facts)
        _clear(self._issues)
        spec = self._bench.draft.checked.parsed
        for row, (title, text) in enumerate(_facts(self._bench, spec) if spec else []):
            self._facts.addWidget(label(title, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(label(text, wrap=True), row, 1)
        for issue in [*errors, *warnings][:_MOST_ISSUES]:
            self._issues.addLayout(self._line(issue))
        self.start.setEnabled(ready)
        nothing_chosen = not (self._bench.model.path and self._bench.data.source)
        self.demo.setVisible(nothing_chosen and not busy)
        self.workspace.setVisible(any(issue.name == WORKSPACE for issue in errors))

    def _line(self, issue: Issue) -> QHBoxLayout:
        """Return what an issue says, as a link to where it can be mended, unless that is here."""
        row = QHBoxLayout()
        row.setSpacing(em(0.5))
        failed = issue.severity == "error"
        sign = label("✕" if failed else "▲", "failure" if failed else "attention")
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        if issue.name == WORKSPACE:
            row.addWidget(label(issue.message, wrap=True, selectable=True), 1)
            return row
        text = textwrap.fill(issue.message, _LINE).replace("&", "&&")  # a single one underlines the next letter
        link = button(f"{text} ›", lambda: self.option_wanted.emit(issue.name), "link", name=issue.message)
        row.addWidget(link)
        row.addStretch(1)
        return row


def _facts(bench: Workbench, spec: RunSpec) -> list[tuple[str, str]]:
    recipe = spec.recipe
    model, data = bench.model.card, bench.data.prepared
    found = [("Base model", _model(spec, model.parameters if model else 0))]
    pairs = f", {words.count(data.summary.train)} to train on" if data else ""
    held_out = f", {words.count(data.summary.held_out)} held out" if data else ""
    found.append(("Preference pairs", f"{place_name(spec.data.source) or 'none chosen'}{pairs}{held_out}"))
    adapter = f"LoRA of rank {recipe.lora_rank}" if recipe.adapter == "lora" else "full fine-tuning"
    base = {"none": "", "8bit": " on an 8-bit base", "nf4": " on a 4-bit base"}[recipe.quantization]
    found.append(("Method", f"ORPO with λ {words.figure(recipe.lambda_)}, {adapter}{base}"))
    found.append(("Learning rate", f"{format_number(recipe.learning_rate)}, {recipe.schedule.replace('_', ' ')}"))
    found.append(("Length", _length(spec, data.summary.train if data else 0)))
    if bench.disk.room is not None:
        words_of_room = bench.disk.room.in_words()
        found.append(("Disk", f"{words_of_room[0].upper()}{words_of_room[1:]} in {bench.workspace}"))
    return found


def _model(spec: RunSpec, parameters: int) -> str:
    name = place_name(spec.model.path) or "none chosen"
    return f"{name}, {words.parameters(parameters)} parameters" if parameters else name


def _length(spec: RunSpec, pairs: int) -> str:
    recipe, batch = spec.recipe, spec.effective_batch
    if recipe.max_steps:
        steps = f"{words.count(recipe.max_steps)} steps"
    else:
        steps = f"{recipe.epochs:g} {'epoch' if recipe.epochs == 1 else 'epochs'}"
        if pairs:
            steps += f", {words.count(make_plan(spec, pairs).total_steps)} steps"
    return f"{steps}, {words.count(batch)} {'pair' if batch == 1 else 'pairs'} a step"


def _what_will_be_drawn() -> QFrame:
    frame, layout = card()
    layout.addWidget(label("What you will see here", "heading"))
    for title, text in (
        ("Loss", "total, NLL on the chosen answers, and the odds-ratio term; all three should fall."),
        ("Preference", "how often the model finds the chosen answer likelier, and by how much; both should rise."),
        ("Log-probabilities", "of chosen and rejected answers; the gap between them should open."),
        ("Machine", "speed, memory and load, so that you see whether the machine is used well."),
        ("Sample answers", "of base and tuned model, side by side, at each evaluation."),
    ):
        row: QLabel = label(f"{title}: {text}", "muted", wrap=True)
        layout.addWidget(row)
    return frame


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (inner := item.layout()) is not None:
            _clear(inner)
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
