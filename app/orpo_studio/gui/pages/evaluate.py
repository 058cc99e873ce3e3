"""The Evaluate page: the verdict, the figures of base and tuned model, and their answers side by side."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from orpo_studio import words
from orpo_studio.events import AnyEvent, JobEnded, RunEnded, SampleAnswer, Stage
from orpo_studio.gui.answers.comparison import Comparison
from orpo_studio.gui.answers.pairing import paired_answers
from orpo_studio.gui.answers.verdict import FIGURES, Figures, figures_of, verdict
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.theme import em, figure_font
from orpo_studio.gui.widgets.bar import show_share
from orpo_studio.gui.widgets.basic import button, card, label
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job

LONGEST_PROMPT = 20_000


class EvaluatePage(Page):
    """How good the result is."""

    step = "evaluate"
    title = "Evaluation"
    purpose = "Base and tuned model on pairs that were held out, and their answers side by side."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self.stack = QStackedWidget()
        self.body.addWidget(self.stack, 1)
        self.stack.addWidget(self._build_empty())
        self.stack.addWidget(self._build_result())
        bench.subject_changed.connect(self._on_subject)
        bench.data.changed.connect(self._show_buttons)
        self._on_subject()

    # --- building

    def _build_empty(self) -> QWidget:
        self.empty_title = label("", "heading")
        self.empty_detail = label("", "muted", wrap=True)
        self.demo = button("Try the demo", self._try_demo)
        empty = QWidget()
        layout = QVBoxLayout(empty)
        layout.addStretch(1)
        for widget in (self.empty_title, self.empty_detail):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(widget)
        layout.addSpacing(em(0.5))
        layout.addWidget(self.demo, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        return empty

    def _build_result(self) -> QWidget:
        result = QWidget()
        layout = QVBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(1))
        layout.addWidget(self._build_verdict())
        layout.addLayout(self._build_question())
        self.comparison = Comparison()
        layout.addWidget(self.comparison, 1)
        return result

    def _build_verdict(self) -> QWidget:
        frame, layout = card()
        self.verdict = label("", wrap=True, selectable=True)
        self.verdict.setFont(figure_font(1.25))
        self.grounds = label("", "muted", wrap=True, selectable=True)
        layout.addWidget(self.verdict)
        layout.addWidget(self.grounds)
        grid = QGridLayout()
        grid.setHorizontalSpacing(em(2))
        grid.setVerticalSpacing(em(0.25))
        for column, text in enumerate(("", "Base", "Tuned", "Change")):
            head = label(text, "muted")
            grid.addWidget(head, 0, column, Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft)
        self.cells = {}
        for row, figure in enumerate(FIGURES, start=1):
            name = label(figure.title)
            name.setToolTip(figure.help)
            grid.addWidget(name, row, 0)
            for column in (1, 2, 3):
                cell = label("", selectable=True)
                cell.setFont(figure_font(1.0))
                cell.setAccessibleName(f"{figure.title}, {('base', 'tuned', 'change')[column - 1]}")
                grid.addWidget(cell, row, column, Qt.AlignmentFlag.AlignRight)
                self.cells[figure.metric, column] = cell
        grid.setColumnStretch(4, 1)
        layout.addLayout(grid)
        return frame

    def _build_question(self) -> QHBoxLayout:
        self.question = QPlainTextEdit(placeholderText="Ask both models something")
        self.question.setAccessibleName("Prompt for both models")
        self.question.setTabChangesFocus(True)
        self.question.setFixedHeight(em(4))
        self.question.textChanged.connect(self._show_buttons)
        self.ask = button("Ask both", self._ask, "main")
        self.from_data = button("Take one from the data", self._take_from_data, hint="A held-out prompt, at random")
        self.measure = button("Measure again", self._measure, hint="Measure both models on the held-out pairs again")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Evaluation under way")
        self.doing = label("", "muted")
        buttons = QGridLayout()
        buttons.setSpacing(em(0.5))
        buttons.addWidget(self.ask, 0, 0)
        buttons.addWidget(self.from_data, 0, 1)
        buttons.addWidget(self.measure, 0, 2)
        buttons.addWidget(self.doing, 1, 0, 1, 3)
        buttons.addWidget(self.progress, 2, 0, 1, 3)
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addWidget(self.question, 1)
        row.addLayout(buttons)
        return row

    # --- showing

    def _on_subject(self) -> None:
        follower = self.bench.follower
        self.comparison.clear()
        if follower is not None:
            follower.events.connect(self._on_events)
            follower.state_changed.connect(self._show)
        self._show()

    def _on_events(self, events: list[AnyEvent]) -> None:
        if any(isinstance(event, SampleAnswer) for event in events):
            follower = self.bench.follower
            if follower is not None:
                self.comparison.show_answers(paired_answers(follower.fold.samples))
        if any(isinstance(event, Stage | JobEnded | RunEnded) for event in events):
            self._show_buttons()

    def _show(self) -> None:
        follower = self.bench.follower
        figures = figures_of(follower.fold) if follower is not None else None
        has_answers = follower is not None and bool(follower.fold.samples)
        if follower is None or (figures is None and not has_answers):
            self._show_empty()
            return
        self.stack.setCurrentIndex(1)
        self._show_figures(figures)
        self._show_buttons()

    def _show_empty(self) -> None:
        running = self.bench.follower is not None and self.bench.follower.is_live
        self.empty_title.setText("Not measured yet" if running else "Nothing to evaluate yet")
        self.empty_detail.setText(
            "The base model is measured before the first step, the tuned one during training and after it."
            if running
            else "Train a model, or open a finished run: base and tuned model are then compared here."
        )
        self.demo.setVisible(not self.bench.read_only)
        self.stack.setCurrentIndex(0)

    def _show_figures(self, figures: Figures | None) -> None:
        said = verdict(figures)
        self.verdict.setText(said.title)
        self.grounds.setText(said.grounds)
        for figure in FIGURES:
            texts = figure.texts(figures)
            for column, text in enumerate(texts, start=1):
                self.cells[figure.metric, column].setText(text)

    def _show_buttons(self) -> None:
        follower = self.bench.follower
        if follower is None:
            return
        newer = self.bench.only_to_look_at()
        has_result = newer is None and follower.fold.ended is not None and follower.folder.has_result()
        busy = follower.is_live
        asked = self.question.toPlainText().strip()
        self.ask.setEnabled(has_result and not busy and 0 < len(asked) <= LONGEST_PROMPT)
        self.measure.setEnabled(has_result and not busy)
        data = self.bench.data.prepared
        self.from_data.setEnabled(data is not None and data.summary.held_out > 0)
        stage = follower.fold.stage
        shown = busy and follower.fold.job == Job.EVALUATE.value
        self.progress.setVisible(shown)
        if shown and stage is not None:
            self.doing.setText(words.one_line(stage.title, 60))
            show_share(self.progress, stage.done, stage.total)
        elif has_result and busy:
            self.progress.setVisible(True)
            self.progress.setRange(0, 0)
            self.doing.setText("Starting…" if follower.fold.job != Job.EXPORT.value else "An export is under way.")
        elif has_result and len(asked) > LONGEST_PROMPT:
            self.doing.setText(f"A prompt has at most {LONGEST_PROMPT:,} characters; this one has {len(asked):,}.")
        elif newer is not None:
            self.doing.setText(newer.title)
        elif not has_result:
            self.doing.setText("Both can be asked once training has ended.")
        elif follower.fold.job_ended is not None and follower.fold.job_ended.outcome == "failed":
            error = follower.fold.error
            self.doing.setText(error.title if error else "The evaluation ended with an error; see the console log.")
        else:
            self.doing.setText("")

    # --- doing

    def _try_demo(self) -> None:
        self.bench.use_demo()
        self.step_wanted.emit("train")

    def _ask(self) -> None:
        self.bench.run_job(Job.EVALUATE, prompts=[self.question.toPlainText().strip()], measure=False)
        self._show_buttons()

    def _measure(self) -> None:
        self.bench.run_job(Job.EVALUATE, prompts=[])
        self._show_buttons()

    def _take_from_data(self) -> None:
        prepared = self.bench.data.prepared
        if prepared is None:
            return

        def work(_task: object) -> str:
            import random

            with prepared.pages() as pages:
                count = pages.count("held_out")
                (pair,) = pages.page(random.randrange(count), 1, "held_out")  # noqa: S311 - a choice of no consequence
                return str(pair.prompt[-1]["content"])

        run_in_background(self, work, self.question.setPlainText, self.bench.tell)
