"""A card that is there as long as nothing can be written where the shown run lies."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from orpo_studio.events.state import LIVE
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import size


class FullDisk(QWidget):
    """Says why the curves of a live run stand still, or why the end of one is not known, and what to do."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.card: NoticeCard | None = None
        self.hide()

    def refresh(self) -> None:
        """Show how it is now."""
        notice = _notice(self._bench) if self._bench.disk.is_full else None
        if notice == (self.card.notice if self.card is not None else None):
            return
        if self.card is not None:
            self.card.hide()
            self.card.deleteLater()
        self.card = NoticeCard(notice, closable=False) if notice is not None else None
        if self.card is not None:
            self._layout.addWidget(self.card)
        self.setVisible(self.card is not None)


def _notice(bench: Workbench) -> Notice | None:
    follower = bench.follower
    if follower is None or follower.fold.waits_to_save:  # of a result that waits its own warning tells
        return None
    place = f"The run lies in {follower.folder.path}."
    if follower.state == "lost" and follower.fold.ended is None:
        return Notice(
            "warning",
            "The disk is full.",
            "The processes of this run have ended. How they ended, and their last figures, could not be recorded.",
            f"Make room on that disk first; then the run can go on, or be started again. {place}",
        )
    if follower.state not in LIVE:
        return None
    saved, spec = follower.fold.checkpoints, bench.run_spec
    needed = f" A checkpoint takes about {size(saved[-1].size_bytes)}, and next to nothing is free." if saved else ""
    stops = spec is not None and spec.train.checkpoint_failure == "stop"
    then = " At the next checkpoint that cannot be saved the run stops, as its settings say." if stops else ""
    return Notice(
        "warning",
        "The disk is full.",
        "The training goes on, but what it reports waits in memory until there is room, so the curves stand still."
        f"{needed}{then}",
        f"Make room on that disk. {place}",
    )
