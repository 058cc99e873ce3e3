"""A trainer that follows a script, put in front of the real one.

The supervisor starts ``python -P -m orpo_studio.trainer``. A package of the same name on ``PYTHONPATH`` comes first
and takes everything but its trainer from the real one, so the program itself knows nothing of it.
"""

import os
from pathlib import Path

import pytest

import orpo_studio
from orpo_studio import __version__

_PACKAGE = f"""
from pkgutil import extend_path
__path__ = extend_path(__path__, __name__)
__version__ = {__version__!r}
"""

_PRELUDE = """
import os, signal, sys, time
from pathlib import Path
from orpo_studio.events import *
from orpo_studio.runs import RunFolder, pending
from orpo_studio.runs.job_request import read_request
folder, job = RunFolder(Path(sys.argv[1])), sys.argv[2]
request = read_request(folder, *(sys.argv[3:4] or [""]))
log = EventLog(folder.events_file)

def started(total):
    log.append(TrainingStarted(first_step=0, total_steps=total, epochs=1, effective_batch=8, logging_steps=1,
                               evaluation_steps=5, checkpoint_steps=5))

def step(number, **values):
    shown = {"loss": 3.0 / number, "odds_ratio_loss": 0.07, "rewards/accuracies": 0.75, **values}
    log.append(TrainMetrics(step=number, epoch=number / 10, seconds=float(number), values=shown))

def measured(moment, accuracy, loss):
    log.append(EvaluationMetrics(moment=moment, step=0, epoch=0, seconds=0, pairs=20,
                                 values={"rewards/accuracies": accuracy, "loss": loss}))

def save():
    folder.adapter.mkdir(exist_ok=True)
    (folder.adapter / "adapter_config.json").write_text("{}")
    (folder.adapter / "adapter_model.safetensors").touch()

def end(outcome="completed", **more):
    if job == "train":
        log.append(RunEnded(outcome=outcome, step=3, exit_code=0, **more))
    else:
        log.append(JobEnded(job=job, outcome=outcome, exit_code=0))
"""

TRAINS = """
log.append(Stage(name="load", title="Loading the base model"))
measured("before", 0.5, 3.0)
log.append(SampleAnswer(step=0, source="base", prompt="Name a color.", answer="No."))
started(3)
for number in (1, 2, 3):
    step(number)
measured("after", 0.9, 1.0)
log.append(SampleAnswer(step=3, source="tuned", prompt="Name a color.", answer="Blue is a color."))
save()
end()
"""
"""Trains three steps."""

TRAINS_UNTIL_STOPPED = """
started(1000)
number = 0
while not pending(folder, "stop") and not pending(folder, "pause"):
    number += 1
    step(number)
    time.sleep(0.02)
to_pause = not pending(folder, "stop")
log.append(StopRequested(step=number, to_pause=to_pause))
if not to_pause:
    save()
end("stopped", paused=to_pause)
"""
"""Trains until it is asked to stop or to pause."""

DIES_AT_IMPORT = "import package_that_is_not_there"
"""Dies as a broken installation does."""


def put_in_front(monkeypatch: pytest.MonkeyPatch, place: Path, script: str, *, bare: bool = False) -> None:
    """Let every supervisor started from now on run a script as its trainer.

    Args:
        monkeypatch: sets the environment for as long as the test lasts.
        place: an empty folder for the package.
        script: Python lines; they find ``folder``, ``job``, ``log`` and a few functions ready.
        bare: leave all that out, for a trainer that does not come so far.
    """
    package = place / "orpo_studio"
    (package / "trainer").mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(_PACKAGE)
    (package / "trainer" / "__init__.py").touch()
    (package / "trainer" / "__main__.py").write_text(script if bare else _PRELUDE + script)
    app = Path(orpo_studio.__file__).parents[1]  # the one under test, which need not be the installed one
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), str(app)]))
