"""A run that nobody disturbed, and how another one like it compares."""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faults.moments import durations, size_of
from faults.processes import start, wait_for
from faults.stream import Said, Stream
from faults.variants import Variant, make_inputs
from orpo_studio.runs import Job, RunFolder, create_run

NOT_COMPARED = {"tokens_per_second", "gpu_memory_peak_gib"}
EXPORT = {"kind": "merged"}


@dataclass(frozen=True, slots=True)
class Reference:
    """What a run says and leaves when nothing happens to it.

    Attributes:
        figures: what it says of steps, measurements and answers, by what they are of.
        result: digests of the trained weights' files.
        evaluation: digests of the comparison of base and tuned model.
        export: digests of the exported model's files.
        lengths: of its phases, in seconds.
        sizes: bytes of a checkpoint, of the result and of the export.
    """

    figures: dict[str, Any]
    result: dict[str, str]
    evaluation: dict[str, str]
    export: dict[str, str]
    lengths: dict[str, float]
    sizes: dict[str, int]

    def differences(self, events: list[Said]) -> list[str]:
        """Return where figures are others, to the last bit."""
        return [
            f"{name}: {value} in place of {self.figures.get(name)}"
            for name, value in figures_of(events).items()
            if value != self.figures.get(name)
        ]


def figures_of(events: list[Said]) -> dict[str, Any]:
    """Return what events say of steps, measurements and answers."""
    found: dict[str, Any] = {}
    for event in events:
        match event["type"]:
            case "train.metrics":
                values = {name: value for name, value in event["values"].items() if name not in NOT_COMPARED}
                found[f"step {event['step']}"] = values
            case "evaluation.metrics":
                found[f"measured {event['moment']} at step {event['step']}"] = event["values"]
            case "sample":
                found[f"{event['source']} at step {event['step']} to {event['prompt']}"] = event["answer"]
    return found


def digests(folder: Path, *, but: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return a digest of each file of a folder by its name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.blake2b(_content(path), digest_size=8).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def _content(path: Path) -> bytes:
    if path.name != "adapter_config.json":
        return path.read_bytes()
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["base_model_name_or_path"]  # each run has a model of its own; and names come in an order by chance
    return json.dumps({name: sorted(v) if isinstance(v, list) else v for name, v in settings.items()}).encode()


def undisturbed(place: Path, variant: Variant, model: Path, *, is_judged: bool = True) -> Reference:
    """Return the reference of a variant on a model, with or without an evaluation, made once and kept in ``place``."""
    kept = place / f"reference-{variant.name}.json"
    if kept.exists():
        return Reference(**json.loads(kept.read_text(encoding="utf-8")))
    home = place / f"undisturbed-{variant.name}"
    shutil.rmtree(home, ignore_errors=True)
    folder = create_run(home, make_inputs(home, variant, model))
    stream, target = Stream(folder.events_file), home / "exported"
    to_start = _whole(folder, stream, Job.TRAIN, {})
    lengths = durations(stream.events) | {"start": to_start}
    sizes = {"checkpoint": next(stream.of_kind("checkpoint.saved"))["size_bytes"], "save": size_of(folder.adapter)}
    figures = figures_of(stream.events)
    if is_judged:
        lengths["judge"] = _whole(folder, stream, Job.EVALUATE, {}, of_all=True)
    lengths["export start"] = _whole(folder, stream, Job.EXPORT, EXPORT | {"target": str(target)})
    lengths = durations(stream.events) | lengths
    made = Reference(
        figures=figures,
        result=digests(folder.adapter),
        evaluation=digests(folder.evaluation),
        export=export_digests(target),
        lengths=lengths,
        sizes=sizes | {"merge": size_of(target)},
    )
    kept.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def export_digests(target: Path) -> dict[str, str]:
    """Return the digests of an exported model; its card names the run."""
    return digests(target, but=frozenset({"README.md"}))


def _whole(folder: RunFolder, stream: Stream, job: Job, request: dict[str, Any], *, of_all: bool = False) -> float:
    """Do a job to its end. Returns the seconds until its first stage, or until its end."""
    begun, clock = stream.last, time.time()
    attempt = start(folder, job, request)
    wait_for(attempt.is_over, f"the undisturbed {job}")
    stream.poll()
    new = stream.since(begun)
    end = next(event for event in reversed(new) if event["type"].endswith(".ended"))
    assert end["outcome"] == "completed", folder.console_log.read_text(encoding="utf-8")[-3000:]
    stage = next(event for event in new if event["type"] == "stage")
    return float((end if of_all else stage)["time"] - clock)
