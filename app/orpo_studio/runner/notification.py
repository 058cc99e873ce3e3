"""One notification on the desktop when a run or a job has ended, whether the window is open or not.

The supervisor shows it, since it is there in any case. Nothing of a text is taken for markup, an option or a command.
"""

import html
import json
import os
import subprocess
import sys

from orpo_studio import paths
from orpo_studio.events import RunState
from orpo_studio.runner.console import note
from orpo_studio.runs import Job, RunFolder, RunFolderError
from orpo_studio.runs.ending import Ending, explain_end
from orpo_studio.runs.support import clean
from orpo_studio.words import duration, one_line, percent, printable

WORTH_SECONDS = 60.0
"""What was shorter is likely still being watched."""

_PATIENCE_SECONDS = 15.0
_LONGEST = 160
_JOBS = {Job.TRAIN: "Training", Job.EVALUATE: "Evaluation", Job.EXPORT: "Export"}
"""What is told; the others are asked for from the window, and answered there."""

_APPLESCRIPT = (
    "on run arguments",
    "display notification (item 2 of arguments) with title (item 1 of arguments)",
    "end run",
)
_POWERSHELL = """
[Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime] > $null
$kind = [Windows.UI.Notifications.ToastTemplateType]::ToastText02
$xml = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($kind)
$texts = $xml.GetElementsByTagName('text')
$texts.Item(0).AppendChild($xml.CreateTextNode($env:ORPO_STUDIO_TITLE)) > $null
$texts.Item(1).AppendChild($xml.CreateTextNode($env:ORPO_STUDIO_TEXT)) > $null
$toast = [Windows.UI.Notifications.ToastNotification]::new($xml)
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('ORPO Studio').Show($toast)
"""


def notify_of_end(folder: RunFolder, job: Job, state: RunState, seconds: float) -> None:
    """Tell the person that a job has ended, unless it was short, was stopped by a person, or nobody wants to hear.

    Args:
        folder: the run.
        job: what has ended.
        state: all that the run has said.
        seconds: how long it took.
    """
    if seconds < WORTH_SECONDS or job not in _JOBS or not _is_wanted():
        return
    said = words_of_end(folder, job, state, seconds)
    if said is not None:
        show(*said)


def words_of_end(folder: RunFolder, job: Job, state: RunState, seconds: float) -> tuple[str, str] | None:
    """Return title and text of the notification; None for what a person has stopped."""
    end = state.ended if job is Job.TRAIN else state.job_ended
    if end is None or end.outcome == "stopped" or end.forced:
        return None
    ending = explain_end(folder, end, state.error)
    title = f"{_JOBS[job]} finished" if ending is None else f"{_JOBS[job]} failed"
    text = f"“{_name(folder)}”: {_result(job, state, seconds) if ending is None else _reason(ending)}"
    return title, one_line(printable(clean(text)), _LONGEST)


def show(title: str, text: str) -> None:
    """Show a notification; where the desktop has none, the log says so."""
    try:
        done = subprocess.run(
            _command(title, text),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
            env={**os.environ, "ORPO_STUDIO_TITLE": title, "ORPO_STUDIO_TEXT": text},
        )
    except (OSError, subprocess.SubprocessError) as error:
        note(f"The end could not be shown on the desktop: {error}")
        return
    if done.returncode:
        note(f"The end could not be shown on the desktop: {done.stderr.decode(errors='replace').strip()}")


def _command(title: str, text: str) -> list[str]:
    if sys.platform == "win32":
        return ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL]
    if sys.platform == "darwin":
        script = [part for line in _APPLESCRIPT for part in ("-e", line)]
        return ["osascript", *script, title, text]
    # The text, not the title, is read as markup by the desktop.
    return ["notify-send", "--app-name=ORPO Studio", "--", title, html.escape(text, quote=False)]


def _is_wanted() -> bool:
    """Read the window's preference; where there is none, or none that can be read, the end is told."""
    try:
        preferences = json.loads(paths.preferences_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(preferences, dict) or preferences.get("notify") is not False


def _name(folder: RunFolder) -> str:
    try:
        return folder.read_spec().name or folder.id
    except RunFolderError:
        return folder.id


def _result(job: Job, state: RunState, seconds: float) -> str:
    parts = []
    if job is Job.TRAIN and state.before and state.after:
        shares = [measured.values.get("rewards/accuracies") for measured in (state.before, state.after)]
        if None not in shares:
            parts.append(f"held-out accuracy {' → '.join(percent(share) for share in shares if share is not None)}")
    return ", ".join([*parts, f"in {duration(seconds)}"])


def _reason(ending: Ending) -> str:
    return f"{ending.title} {ending.hint}"
