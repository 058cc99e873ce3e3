"""What is told of a run that stops or has fallen silent, in the window and in the terminal alike."""

from dataclasses import dataclass

from orpo_studio.events import RunState, TrainerSilent
from orpo_studio.words import clock, count, duration

UNWATCHED_SECONDS = 45.0
END_NOW = "End now without saving"
END_BY_FORCE = "End by force now"

_DOING = {
    "computing": "Its process computes ({cpu:.0f} % of a processor core): it is slow, or caught in an endless loop.",
    "waiting": "Its process does nothing: it waits for something that does not come, such as a driver that hangs.",
    "disk": "Its process waits for the disk.",
    "suspended": "Its process is suspended. It goes on when whoever suspended it lets it.",
}


@dataclass(frozen=True, slots=True)
class Words:
    """Something told of a live run.

    Attributes:
        title: what happens.
        detail: why, and what follows.
        button: what the button says that goes on to the next stage of a stop; empty where there is none.
        is_calm: nothing is wrong so far.
        speaks_of_log: the console log tells more.
    """

    title: str
    detail: str
    button: str = ""
    is_calm: bool = False
    speaks_of_log: bool = False


def stop_title(state: RunState, now: float) -> str:
    """Return how far a stop has come in a line, with the time until the next stage where one is set.

    Args:
        state: the run's.
        now: seconds since the epoch.
    """
    stop = state.stop
    left = "" if stop is None or stop.next_at is None else clock(stop.next_at - now)
    if stop is None or stop.stage == "asked":
        does = "Pausing" if stop is not None and stop.to_pause else "Stopping"
        if left:
            return f"{does}: no answer yet, ended without saving in {left}"
        if state.job or state.waits_to_save:
            return does
        return f"{does}: this step is finished and saved first" if state.training else f"{does} as soon as it can"
    if stop.stage == "terminated":
        return f"Told to end without saving, ended by force in {left}"
    return "Ended by force: the system is ending it"


def stop_words(state: RunState, now: float) -> Words | None:
    """Return what is told of a stop that is under way; None where none is.

    Args:
        state: the run's.
        now: seconds since the epoch.
    """
    stop = state.stop
    if stop is None:
        return None
    title = stop_title(state, now)
    asked = "pause" if stop.to_pause else "stop"
    since = f"Asked to {asked} {duration(now - state.stop_asked)} ago. "
    if stop.stage == "asked" and stop.next_at is None:
        return Words(title, since + lost_by_ending(state), END_NOW, is_calm=True)
    if stop.stage == "asked":
        return Words(title, since + lost_by_ending(state), END_NOW)
    if stop.stage == "terminated":
        return Words(title, since + lost_by_ending(state), END_BY_FORCE)
    return Words(title, f"{since}A process that waits for a disk or a driver ends only when that answers.")


def silence_words(silent: TrainerSilent, now: float) -> Words:
    """Return what is told of a trainer without progress.

    Args:
        silent: the event that said so.
        now: seconds since the epoch.
    """
    since = duration(now - silent.time + silent.seconds)
    doing = _DOING[silent.doing].format(cpu=silent.cpu_percent)
    if silent.doing == "suspended":
        return Words(f"No progress for {since}", doing)
    return Words(f"No progress for {since}", f"{doing} The console log shows where it stands.", speaks_of_log=True)


def live_words(state: RunState, now: float) -> Words | None:
    """Return what is told of a live run that is not well or that stops, what matters most; None while all is well.

    Args:
        state: the run's.
        now: seconds since the epoch.
    """
    told = unwatched_words(state, now) or stop_words(state, now)
    return silence_words(state.silent, now) if told is None and state.silent is not None else told


def is_unwatched(state: RunState, now: float) -> bool:
    """Tell whether nobody has said anything for long of a run that has not said its end."""
    is_over = state.ended is not None and not state.job
    return not is_over and state.last_time > 0 and now - state.last_time >= UNWATCHED_SECONDS


def unwatched_words(state: RunState, now: float) -> Words | None:
    """Return what is told of a live run of which nobody has said anything for long; None where somebody has.

    Args:
        state: the run's.
        now: seconds since the epoch.
    """
    if not is_unwatched(state, now):
        return None
    return Words(
        f"No word from this run for {duration(now - state.last_time)}",
        "Its supervisor was ended, hangs or cannot write. Where it was ended, the trainer saves and ends by itself. "
        + lost_by_ending(state),
        END_NOW,
    )


def loss_of_waiting_result(state: RunState) -> str:
    """Return what is lost where a run ends while its result waits for the disk; nothing where nothing is."""
    steps = state.steps_at_risk
    if not state.waits_to_save or not steps:
        return ""
    lost = "the last step is lost" if steps == 1 else f"the last {count(steps)} steps are lost"
    saved = f"the last checkpoint is that of step {count(state.saved_step)}" if state.saved_step else "none was saved"
    return (
        f"All is trained, and the result waits in memory until the disk takes it. If the run is ended before, {lost}: "
        f"{saved}. When it is resumed, it trains them again."
    )


def lost_by_ending(state: RunState) -> str:
    """Return what is lost where a run or a job is ended without saving."""
    if state.job:
        return "What it has not written yet is lost; the run is not affected."
    last = max((saved.step for saved in state.checkpoints), default=None)
    if last is None:
        return "Nothing is saved yet: ended now, all of it is lost."
    if last >= state.latest.step:
        return f"Step {count(last)} is saved."
    return f"Ended now, the work since the checkpoint of step {count(last)} is lost."
