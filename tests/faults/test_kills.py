"""The short form: two lives side by side with the kills that matter most; `python -m faults --long` is the long one."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faults.life import Fault, Life, Record
from faults.moments import Moment
from faults.processes import ENVIRONMENT
from faults.reference import undisturbed
from faults.variants import by_name
from helpers.tiny_model import write_tiny_model
from orpo_studio.trainer.environment import prepare_environment

LIVES = (
    [("start", "both", 1), ("checkpoint", "trainer", 6), ("merge", "all", 0)],
    [("train", "supervisor", 5), ("save", "window", 0)],
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and SIGSTOP are POSIX's")
def test_that_killed_runs_go_on_to_the_bit_and_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_environment()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = write_tiny_model(tmp_path / "model")
    variant, draw = by_name("lora"), random.Random(1)
    reference = undisturbed(tmp_path, variant, model, is_judged=False)

    def live(number: int) -> Record:
        faults = [Fault(Moment(phase, step, draw.random()), victim) for phase, victim, step in LIVES[number]]
        return Life(tmp_path / f"life-{number}", model, variant, reference, faults, draw).live()

    with ThreadPoolExecutor(len(LIVES)) as pool:
        records = list(pool.map(live, range(len(LIVES))))

    assert [record.ended for record in records] == ["", ""]
    for record in records:
        assert [fault for fault in record.faults if not fault.survived] == []
        assert record.helpers == 0
        assert record.figures_compared > 20
