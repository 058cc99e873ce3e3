"""What the recipe means for this model and these pairs, said while one types."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan, make_plan
from orpo_studio.gui.pages.recipe_curve import PushCurve
from orpo_studio.gui.pages.recipe_memory import MemoryCard
from orpo_studio.gui.pages.recipe_probe_box import TIME_NOTE, ProbeBox
from orpo_studio.gui.pages.recipe_reading import FitReading
from orpo_studio.gui.theme import em, figure_font
from orpo_studio.gui.widgets.basic import card, label, set_kind
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import count, size

UNKNOWN = "–"
NOT_KNOWN = "Not known for this architecture and these settings."
UNREAD = "Some settings of this run cannot be read. These figures stand for their defaults instead."
ROWS = {
    "time": "Estimated time",
    "pairs": "Pairs a step",
    "tokens": "Tokens a step",
    "warmup": "Warm-up",
    "evaluations": "Evaluations",
    "checkpoints": "Checkpoints",
    "trained": "Trained weights",
    "disk": "Disk",
}


class Meaning(QWidget):
    """The consequences of the subject's recipe."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._reading = FitReading(bench, self)
        self.memory = MemoryCard(bench, self._reading)
        self.probe = ProbeBox(bench, self._reading)
        self.steps = label(UNKNOWN)
        self.steps.setFont(figure_font())
        self.steps.setAccessibleName("Steps")
        self.steps_note = label("", "muted", wrap=True)
        self.unread = label(f"▲ {UNREAD}", "attention", wrap=True)
        self.values = {key: label(UNKNOWN, wrap=True) for key in ROWS}
        self.titles: dict[str, QLabel] = {}
        self.curve = PushCurve()
        self._arrange()
        bench.issues_changed.connect(self.refresh)
        self._reading.changed.connect(self.refresh)
        self._reading.probe.changed.connect(self._on_probe)
        self.refresh()

    @property
    def is_reading(self) -> bool:
        """Whether the model's headers or the pairs' lengths are being read."""
        return self._reading.is_busy

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._reading.watch.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._reading.watch.stop()

    def refresh(self) -> None:
        """Say it anew. While a value cannot be used, the last figures stay, dimmed, and say so."""
        bench = self._bench
        self._reading.refresh()
        spec = bench.run_spec or bench.draft.checked.parsed
        self._figures.setEnabled(spec is not None)
        self.memory.setEnabled(spec is not None)
        self.probe.show_spec(spec)
        if spec is None:
            self.steps_note.setText("Some settings cannot be used yet; these are the figures before.")
            return
        self.unread.setVisible(bench.read_only and bool(bench.issues()))
        self._show_lengths(spec)
        self._show_trained(spec)
        self._show_disk()
        self.memory.show_spec(spec)
        self.curve.show_strength(spec.recipe.lambda_)

    def _on_probe(self) -> None:
        """Say what follows from a probe that has ended; while it goes on, its box alone changes."""
        if not self._reading.probe.is_running:
            self.refresh()

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(1))
        frame, inside = card()
        inside.addWidget(label("What this means", "heading"))
        self._figures = QWidget()
        figures = QVBoxLayout(self._figures)
        figures.setContentsMargins(0, 0, 0, 0)
        figures.setSpacing(em(0.1))
        figures.addWidget(self.steps)
        figures.addWidget(self.steps_note)
        figures.addWidget(self.unread)
        figures.addSpacing(em(0.6))
        grid = QGridLayout()
        grid.setHorizontalSpacing(em(1))
        grid.setVerticalSpacing(em(0.15))
        grid.setColumnStretch(1, 1)
        for row, (key, title) in enumerate(ROWS.items()):
            value = self.values[key]
            value.setAccessibleName(title)
            self.titles[key] = label(title, "muted")
            grid.addWidget(self.titles[key], row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        figures.addLayout(grid)
        inside.addWidget(self._figures)
        inside.addWidget(self.probe)
        column.addWidget(frame)
        column.addWidget(self.memory)
        column.addWidget(self._curve_card())
        column.addStretch(1)

    def _curve_card(self) -> QWidget:
        frame, inside = card()
        inside.addWidget(label("How hard λ pushes", "heading"))
        inside.addWidget(self.curve)
        inside.addWidget(
            label(
                "λ·σ(−Δ) over Δ, the log odds of the chosen answer minus those of the rejected one. Pairs the model "
                "has wrong are pushed with up to λ, pairs it has right hardly at all. The chosen answers' own loss "
                "weighs 1. Dashed: the default λ.",
                "muted",
                wrap=True,
            )
        )
        return frame

    # --- lengths

    def _show_lengths(self, spec: RunSpec) -> None:
        prepared = self._bench.data.prepared
        recipe = spec.recipe
        self._show("pairs", f"{count(spec.effective_batch)} = {recipe.micro_batch} × {recipe.accumulation}")
        tokens = 2 * spec.effective_batch * recipe.max_length
        self._show("tokens", f"at most {count(tokens)}", "Both answers of each pair, each at the maximum length.")
        if prepared is None and not recipe.max_steps:
            self.steps.setText(UNKNOWN)
            reading = self._bench.data.is_busy
            self.steps_note.setText(
                "Reading the pairs…" if reading else "Choose preference pairs to see the number of steps."
            )
            for key in ("time", "warmup", "evaluations", "checkpoints"):
                self._show(key, UNKNOWN)
            return
        pairs = prepared.summary.train if prepared is not None else None
        self._show_plan(spec, make_plan(spec, pairs or spec.effective_batch), pairs)

    def _show_plan(self, spec: RunSpec, plan: Plan, pairs: int | None) -> None:
        total = plan.total_steps
        self.steps.setText(_plural(total, "step"))
        passes = f"{plan.epochs:.3g} {'pass' if plan.epochs == 1 else 'passes'}"
        self.steps_note.setText(
            "as set in the recipe" if pairs is None else f"{passes} over {_plural(pairs, 'training pair')}"
        )
        self._show_time(spec, plan)
        share = f", {100 * plan.warmup_steps / total:.0f} % of the run" if plan.warmup_steps else ""
        self._show("warmup", f"{_plural(plan.warmup_steps, 'step')}{share}")
        during = (total - 1) // plan.evaluation_steps
        every = f"{during}, every {_plural(plan.evaluation_steps, 'step')}, and at the end" if during else "at the end"
        self._show("evaluations", every)
        saved = -(-total // plan.checkpoint_steps)
        kept = min(saved, spec.train.keep_checkpoints)
        self._show("checkpoints", f"{saved}, every {_plural(plan.checkpoint_steps, 'step')}; {kept} kept")

    def _show_time(self, spec: RunSpec, plan: Plan) -> None:
        found = self._reading.probe.found(spec.recipe)
        self._show_row("time", is_shown=found is not None or not self._bench.read_only)  # a run cannot be tried
        if found is None:
            self._show("time", "known after two steps", "Try two steps below to measure how long one takes.")
            return
        from orpo_studio.fit.measured import MeasuredSteps, span_in_words

        time = MeasuredSteps.of(found).whole_run(plan.total_steps, spec.effective_batch)
        self._show("time", span_in_words(time) if time is not None else UNKNOWN, TIME_NOTE)

    # --- sizes

    def _show_trained(self, spec: RunSpec) -> None:
        model, shape = self._bench.model.card, self._reading.shape
        if model is None or shape is None:
            self._show("trained", UNKNOWN, "Choose a base model to see it." if model is None else "")
            return
        from orpo_studio.fit.memory import Case, trained_parameters

        trained = trained_parameters(Case(spec.recipe, shape))
        if not trained:
            self._show("trained", UNKNOWN, NOT_KNOWN)
            return
        share = f"{100 * trained / model.parameters:.2g} % of the model" if spec.recipe.adapter == "lora" else "all"
        self._show("trained", f"{count(trained)}, {share}")

    def _show_disk(self) -> None:
        self._show_row("disk", is_shown=not self._bench.read_only)  # room is asked for what is yet to be made
        room = self._bench.disk.room
        severity = room.severity if room is not None else None
        set_kind(self.values["disk"], {"error": "failure", "warning": "attention", None: ""}[severity])
        if room is None:
            self._show("disk", UNKNOWN)
            return
        need = room.need
        parts = f"Checkpoints {size(need.checkpoints)}, each {size(need.checkpoint)}; result {size(need.result)}"
        self._show("disk", room.in_words(), f"{parts}; pairs {size(need.data)}; their ids {size(need.tokens)}.")

    def _show_row(self, key: str, *, is_shown: bool) -> None:
        self.titles[key].setVisible(is_shown)
        self.values[key].setVisible(is_shown)

    def _show(self, key: str, value: str, hint: str = "") -> None:
        self.values[key].setText(value)
        self.values[key].setToolTip(hint)


def _plural(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
