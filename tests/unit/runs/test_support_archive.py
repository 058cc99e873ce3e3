"""The support archive holds what helps and nothing that must stay at home."""

import json
import zipfile
from pathlib import Path

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, Problem, RunLaunched, SampleAnswer, TrainMetrics, parse_event
from orpo_studio.runs import create_run, write_support_archive
from orpo_studio.runs.support import clean

TOKENS = [
    "hf_abcdefghijklmnopqrstuv",
    "sk-abcdefghijklmnopqrstuvwx",
    "ghp_abcdefghijklmnopqrst",
    "AKIAABCDEFGHIJKLMNOP",
]
NAMED = [
    "token=planted1", "HF_TOKEN: planted1", '"api_key": "planted1"', "Authorization: Bearer planted1",
    "password = planted1", "https://me:planted1@example.org/x", "client-secret=planted1",
]  # fmt: skip
PRIVATE = "the patient said"


@pytest.mark.parametrize("text", [*TOKENS, *NAMED])
def test_that_what_looks_like_a_secret_is_removed(text: str) -> None:
    cleaned = clean(f"before {text} after")
    assert "planted1" not in cleaned
    assert not any(token in cleaned for token in TOKENS)
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


def test_that_ordinary_lines_stay_as_they_are() -> None:
    line = "step 3/40 tokens 1234 tokens_per_second=12.5 loss 0.5"
    assert clean(line) == line


def test_that_data_secrets_and_the_home_folder_stay_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = {"name": "N", "model": {"path": str(tmp_path / "m")}, "data": {"source": str(tmp_path / "d.jsonl")}}
    folder = create_run(tmp_path, RunSpec.model_validate(spec))
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1, versions={"torch": "2.13.0"}))
        log.append(SampleAnswer(step=0, source="base", prompt=PRIVATE, answer=PRIVATE))
        log.append(TrainMetrics(step=1, epoch=0, seconds=1, values={"loss": float("nan")}))
        hint = f"With {TOKENS[0]} in {tmp_path}"
        log.append(Problem(severity="error", code="c", title="t", detail='{"token": "planted1"}', hint=hint))
    with folder.events_file.open("a") as file:
        file.write(json.dumps({"seq": 5, "time": 1, "type": "sample.scored", "prompt": PRIVATE}) + "\n")
        file.write(json.dumps({"type": "stage", "name": "n", "title": "t", "prompt": PRIVATE}) + "\n")
        file.write(f"{PRIVATE} (torn")
    folder.console_log.write_text(f"Loading {tmp_path}/m with {TOKENS[1]}\n")
    for place in (folder.data, folder.adapter, folder.evaluation):
        place.mkdir()
        (place / "request.json").write_text(PRIVATE)
    archive = write_support_archive(folder, tmp_path / "support.zip")
    with zipfile.ZipFile(archive) as opened:
        content = {name: opened.read(name).decode() for name in opened.namelist()}
    assert content.keys() == {"run.toml", "events.jsonl", "console.log", "versions.json"}
    everything = "\n".join(content.values())
    for planted in (PRIVATE, *TOKENS, "planted1", str(tmp_path)):
        assert planted not in everything
    events = [parse_event(line) for line in content["events.jsonl"].encode().splitlines()]
    assert [event.type for event in events if event] == ["run.launched", "train.metrics", "problem", "stage"]
    assert "pydantic" in json.loads(content["versions.json"])
