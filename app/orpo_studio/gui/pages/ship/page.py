"""The Ship page."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from orpo_studio.config import all_options
from orpo_studio.events import AnyEvent
from orpo_studio.events.state import LIVE
from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.notice import notice_of
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.pages.ship.card import ExportCard
from orpo_studio.gui.pages.ship.exports import Exports
from orpo_studio.gui.pages.ship.targets import Kind, default_target
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, card, label
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.inputs import model_folder

_KINDS: tuple[Kind, ...] = ("merged", "adapter")
_UNTIL = {"evaluate": "the evaluation", "export": "the other export"}


class ShipPage(Page):
    """The merged model and the adapter of the run that is looked at, and the settings of the export."""

    step = "ship"
    title = "Ship"
    purpose = "Take the result with you: as an adapter, or merged into one model."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self.cards: dict[Kind, ExportCard] = {kind: ExportCard(kind) for kind in _KINDS}
        for kind, made in self.cards.items():
            made.export_wanted.connect(lambda target, kind=kind: self._export(kind, target))
            made.cancel_wanted.connect(lambda: bench.request("stop"))
        self.form = Form(bench, [option for option in all_options() if option.section == "ship"])
        self.empty = self._make_empty()
        self._warnings = QVBoxLayout()
        self._arrange()
        self._exports: Exports | None = None
        self._has_result = False
        bench.subject_changed.connect(self._show_subject)
        bench.model.changed.connect(self._show_sizes)
        self._show_subject()

    def show_option(self, name: str) -> None:
        field = self.form.field(name)
        if field is not None:
            field.setFocus()

    def _arrange(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, em(0.5), 0)
        column.setSpacing(em(1))
        column.addWidget(self.empty)
        for made in self.cards.values():
            column.addWidget(made)
        column.addLayout(self._warnings)
        settings, layout = card(spacing=0.8)
        layout.addWidget(label("Settings of the export", "heading"))
        layout.addWidget(self.form)
        column.addWidget(settings)
        column.addStretch(1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        scroll.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        self.body.addWidget(scroll, 1)

    def _make_empty(self) -> QFrame:
        frame, layout = card()
        layout.addWidget(label("Nothing to ship yet", "heading"))
        layout.addWidget(
            label(
                "Choose a finished run at the left, or train one. Then its adapter and its merged model are exported "
                "here, each with its size, its place and the proof that it is what was trained.",
                "muted",
                wrap=True,
            )
        )
        layout.addWidget(button("Try the demo", self._try_demo), 0, Qt.AlignmentFlag.AlignLeft)
        return frame

    def _try_demo(self) -> None:
        self.bench.use_demo()
        self.step_wanted.emit("train")

    # --- what is looked at

    def _show_subject(self) -> None:
        follower = self.bench.follower
        self._has_result = False
        self._exports = Exports(follower.folder) if follower else None
        self._clear_warnings()
        self.empty.setVisible(follower is None)
        for made in self.cards.values():
            made.setVisible(follower is not None)
            made.show_failure(None)
            made.show_size(0)
        if follower is not None:
            follower.events.connect(self._take)
            follower.state_changed.connect(self._refresh)
            self._look_at(follower.folder)
        self._refresh()

    def _take(self, events: list[AnyEvent]) -> None:
        if self._exports is None:
            return
        done_before, warned = len(self._exports.done), len(self._exports.warnings)
        for event in events:
            self._exports.apply(event)
        if len(self._exports.warnings) != warned:
            self._show_warnings()
        ended = any(event.type in {"run.ended", "export.finished"} for event in events)
        if ended or len(self._exports.done) != done_before:
            self._look_at(self._exports.folder)

    def _refresh(self) -> None:
        follower, exports = self.bench.follower, self._exports
        if follower is None or exports is None:
            return
        spec = self.bench.run_spec
        base = str(model_folder(spec.model.path)) if spec else ""
        why = self._why_not(follower.state, follower.fold.job, is_live=follower.is_live)
        for kind, made in self.cards.items():
            made.show_progress(exports.stage, is_busy=exports.under_way == kind)
            made.show_result(exports.done.get(kind), base, follower.folder.path)
            made.show_failure(exports.failed.get(kind))
            no_adapter = kind == "adapter" and spec is not None and spec.recipe.adapter == "full"
            reason = "Full fine-tuning makes no adapter: the merged model is the result." if no_adapter else why
            made.allow(allowed=not reason, reason=reason)

    def _why_not(self, state: str, job: str, *, is_live: bool) -> str:
        if (newer := self.bench.only_to_look_at()) is not None:
            return f"{newer.title} Update ORPO Studio to export it."
        if state in LIVE and is_live:
            return "Possible when the training has ended."
        if job:
            return f"Possible when {_UNTIL.get(job, 'the present job')} has ended."
        if is_live:
            return "The run's processes are still busy."
        if not self._has_result:
            return "This run has no result yet. Train it to its end, or resume it."
        return ""

    def _export(self, kind: Kind, target: str) -> None:
        if self._exports is not None:
            self._exports.asked(kind)
            self.cards[kind].show_failure(None)
            self.bench.run_job(Job.EXPORT, kind=kind, target=str(Path(target).expanduser()))

    # --- what takes a call to the disk

    def _look_at(self, folder: RunFolder) -> None:
        def look(_task: object) -> tuple[RunFolder, bool, int, dict[Kind, Path]]:
            targets = {kind: default_target(folder, kind) for kind in _KINDS}
            return folder, folder.has_result(), folder.result_bytes(), targets

        run_in_background(self, look, self._looked, self.bench.tell)

    def _looked(self, found: tuple[RunFolder, bool, int, dict[Kind, Path]]) -> None:
        folder, self._adapter_bytes, targets = found[0], found[2], found[3]
        if self._exports is None or self._exports.folder != folder:
            return
        self._has_result = found[1]
        for kind, made in self.cards.items():
            made.show_target(targets[kind])
        self._show_sizes()
        self._refresh()

    def _show_sizes(self) -> None:
        spec = self.bench.run_spec
        if spec is None or not self._has_result:
            return
        self.cards["adapter"].show_size(self._adapter_bytes if spec.recipe.adapter == "lora" else 0)
        card = self.bench.model.card
        if card is None:
            self.cards["merged"].show_size(0)
            return
        from orpo_studio.fit.disk import merged_bytes

        self.cards["merged"].show_size(merged_bytes(spec, card))

    def _show_warnings(self) -> None:
        self._clear_warnings()
        for warning in self._exports.warnings if self._exports else ():
            self._warnings.addWidget(NoticeCard(notice_of(warning)))

    def _clear_warnings(self) -> None:
        while (item := self._warnings.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
