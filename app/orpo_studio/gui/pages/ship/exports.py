"""What a run's events say of its exports: the one under way, what is done, and what went wrong."""

from dataclasses import dataclass, field

from orpo_studio.events import AnyEvent, ExportFinished, JobEnded, JobStarted, Problem, Stage
from orpo_studio.gui.pages.ship.targets import Kind
from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.ending import Ending, explain_end


@dataclass(slots=True)
class Exports:
    """A fold over the events, by kind of export.

    Attributes:
        under_way: the kind that is being exported.
        stage: how far that is.
        done: the last finished export of each kind.
        failed: why the last attempt of a kind failed, if it did.
    """

    folder: RunFolder
    under_way: Kind | None = None
    stage: Stage | None = None
    done: dict[Kind, ExportFinished] = field(default_factory=dict)
    failed: dict[Kind, Ending] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    _error: Problem | None = None
    _asked: Kind | None = None

    def asked(self, kind: Kind) -> None:
        """Note what was asked for from here, which the events do not tell."""
        self._asked = kind
        self.failed.pop(kind, None)

    def apply(self, event: AnyEvent) -> None:
        """Take in the next event."""
        match event:
            case JobStarted(job=Job.EXPORT.value):
                self.under_way, self.stage, self._error, self.warnings = self._kind_asked(event), None, None, []
            case Stage() if self.under_way is not None:
                self.stage = event
            case Problem() if self.under_way is not None:
                if event.severity == "error":
                    self._error = event
                else:
                    self.warnings.append(event)
            case ExportFinished():
                self.done[event.kind] = event
                self.failed.pop(event.kind, None)
            case JobEnded(job=Job.EXPORT.value):
                self._end(event)

    def _end(self, event: JobEnded) -> None:
        kind, self.under_way, self.stage, self._asked = self.under_way, None, None, None
        ending = explain_end(self.folder, event, self._error)
        if kind is not None and ending is not None:
            self.failed[kind] = ending

    def _kind_asked(self, event: JobStarted) -> Kind:
        if event.kind:
            return "merged" if event.kind == "merged" else "adapter"
        return self._asked or "adapter"  # runs of earlier versions do not say it
