"""The runs of a workspace."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orpo_studio.config import RunSpec, read_name
from orpo_studio.events import Folded, RunState, fold_stream
from orpo_studio.events.state import StateName
from orpo_studio.paths import expand
from orpo_studio.runs.folder import NEWER, RunFolder, RunFolderError, unreadable_events
from orpo_studio.runs.lock import is_held


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a list of runs shows of one.

    Attributes:
        folder: where it is.
        spec: its specification; None when it cannot be read, with the reason in ``problem``.
        state: as computed from events and lock.
        fold: its events added up. Training metrics but the last are left out, for speed.
        problem: why it cannot be opened.
        place: in the queue, from 1; 0 where it does not wait there.
        stamp: sizes and times of the files it was read from; while they stay, so does all but the state.
        read_to: bytes of its events that are in ``fold``.
        name: the one it was given, also where its specification cannot be read otherwise.
    """

    folder: RunFolder
    spec: RunSpec | None
    state: StateName
    fold: RunState
    problem: RunFolderError | None = None
    place: int = 0
    stamp: tuple[int, ...] = ()
    read_to: int = 0
    name: str = ""

    @property
    def title(self) -> str:
        """Its given name, or the folder's."""
        return self.name or self.folder.id

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of the program has worked on it, so that its state may not be all known here."""
        return bool(self.fold.unknown) or (self.problem is not None and self.problem.code == NEWER)

    def figures(self) -> dict[str, Any]:
        """Return the final figures for lists and programs."""
        fold = self.fold
        found: dict[str, Any] = {"step": fold.latest.step, "total_steps": fold.total_steps}
        if "loss" in fold.latest.values:
            found["loss"] = fold.latest.values["loss"]
        for moment, measured in (("before", fold.before), ("after", fold.after)):
            if measured is not None:
                found[f"reward_accuracy_{moment}"] = measured.values.get("rewards/accuracies")
                found[f"held_out_loss_{moment}"] = measured.values.get("loss")
        return found


def summarize(folder: RunFolder, known: RunSummary | None = None) -> RunSummary:
    """Read one run's specification and events, or take them from a summary made before where they are unchanged."""
    held = is_held(folder.lock_file)  # before reading: its holder's last words are then read
    stamp = _stamp(folder)
    if known is not None and known.problem is None and known.stamp == stamp:
        return replace(known, state=known.fold.name(lock_held=held))
    problem, spec = None, None
    try:
        spec = folder.read_spec()
    except RunFolderError as error:
        problem = error
    found = Folded()
    try:
        found = fold_stream(folder.events_file, _goes_on(known, stamp))
    except OSError as error:
        problem = problem or unreadable_events(folder, error)
    fold = found.state
    name = spec.name if spec is not None else read_name(folder.spec_file)
    state = fold.name(lock_held=held)
    return RunSummary(folder, spec, state, fold, problem, stamp=stamp, read_to=found.read_to, name=name)


def list_runs(workspace: Path, known: Iterable[RunSummary] = ()) -> list[RunSummary]:
    """Return the runs of a workspace, newest first; folders without a ``run.toml`` are none.

    Args:
        workspace: where to look.
        known: summaries made before: runs that have said nothing since are not read again.
    """
    earlier = {summary.folder: summary for summary in known}
    runs = workspace / "runs"
    if not runs.is_dir():
        return []
    folders = [RunFolder(path) for path in runs.iterdir() if (path / "run.toml").is_file()]
    found = [
        summarize(folder, earlier.get(folder)) for folder in sorted(folders, key=lambda folder: folder.id, reverse=True)
    ]
    return _with_places(found)


def find_run(workspace: Path, name: str) -> RunFolder:
    """Return the run called ``name``: its id, a beginning of one that fits a single run, ``last``, or a path.

    Raises:
        RunFolderError: there is none, or more than one.
    """
    path = expand(name)
    if (path / "run.toml").is_file():
        return RunFolder(path.resolve())
    runs = workspace / "runs"
    ids = sorted(p.name for p in runs.iterdir() if (p / "run.toml").is_file()) if runs.is_dir() else []
    if name == "last" and ids:
        return RunFolder(runs / ids[-1])
    matching = [run_id for run_id in ids if run_id == name] or [run_id for run_id in ids if run_id.startswith(name)]
    if len(matching) == 1:
        return RunFolder(runs / matching[0])
    if matching:
        raise RunFolderError(
            "ambiguous-run", f"“{name}” fits {len(matching)} runs.", ", ".join(matching) + ".", "Name one in full."
        )
    raise RunFolderError(
        "no-such-run",
        f"There is no run “{name}”.",
        f"The workspace {workspace} has {len(ids)} runs.",
        "List them with: orpo-studio runs",
    )


def _may_start(summary: RunSummary) -> bool:
    """Tell whether a run in the queue may be started at all: not one of a newer version, nor one that is a link."""
    return not summary.is_newer and not summary.folder.path.is_symlink()


def _with_places(summaries: list[RunSummary]) -> list[RunSummary]:
    queued = sorted((s.fold.place, s.folder.id) for s in summaries if s.fold.place is not None and _may_start(s))
    places = {run_id: place for place, (_, run_id) in enumerate(queued, start=1)}
    numbered = ((summary, places.get(summary.folder.id, 0)) for summary in summaries)
    return [summary if summary.place == place else replace(summary, place=place) for summary, place in numbered]


def _stamp(folder: RunFolder) -> tuple[int, ...]:
    found: list[int] = []
    for path in (folder.spec_file, folder.events_file):
        try:
            status = path.stat()
        except OSError:
            found += (-1, -1, -1)
        else:
            found += (status.st_ino, status.st_size, status.st_mtime_ns)
    return tuple(found)


def _goes_on(known: RunSummary | None, stamp: tuple[int, ...]) -> Folded | None:
    """Return what is known of the beginning of a stream that has only grown since: a day of it is half a gigabyte."""
    if known is None or known.problem is not None or len(known.stamp) != len(stamp):
        return None
    *spec_before, file_before, _, _ = known.stamp
    *spec, file, size, _ = stamp
    if (spec_before, file_before) != (spec, file) or size < known.read_to:
        return None
    return Folded(known.fold, known.read_to)


def fold_events(events_file: Path) -> RunState:
    """Fold a stream without parsing the many training metrics and machine samples, but the last of each.

    Raises:
        OSError: the file cannot be read, or is no ordinary file.
    """
    return fold_stream(events_file).state
