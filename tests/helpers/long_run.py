"""The stream of a run that takes a working day, written as fast as somebody asks for.

    python -m helpers.long_run EVENTS_FILE STEPS [STEPS_PER_SECOND]

Eight hours of a trainer that logs each of its steps, in the order and the size in which supervisor and trainer say
them: losses and preferences, a sample of the machine every two seconds, and now and then an evaluation with its
answers, a checkpoint, or a warning. Only the clock is faster. Lines are written in pieces that end anywhere, as a
reader of a real stream sees them now and then.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orpo_studio.events import file_lock

SECONDS = 8 * 3600
_BLOCK = 500
_PROMPTS = (
    "My parcel has not arrived. What now?",
    "How do I reset my password?",
    "Can I return this?",
    "Name a color.",
)
_ANSWER = "Thank you for telling us. We are looking into it, and will write to you before the day is over. "


def values_of(steps: np.ndarray, total: int) -> dict[str, np.ndarray]:
    """Return what is logged at these steps, the same each time: any stretch can be compared with what was written."""
    done = steps / total
    noise = np.sin(steps[:, None] * np.array([12.9898, 78.233, 37.719, 4.581, 9.151])) * 43758.5453
    noise = noise - np.floor(noise) - 0.5
    spike = np.where(steps % 100_003 == 77_777, 9.0, 0.0)
    loss = 2.6 * np.exp(-1.8 * done) + 0.3 + 0.2 * noise[:, 0] + spike
    return {
        "loss": loss,
        "nll_loss": 0.95 * loss,
        "odds_ratio_loss": 0.05 * loss + 0.01 * noise[:, 1],
        "rewards/accuracies": np.round(np.clip(0.5 + 0.4 * done + 0.5 * noise[:, 1], 0, 1) * 8) / 8,
        "rewards/margins": 0.3 * done + 0.1 * noise[:, 2],
        "rewards/chosen": -0.1 + 0.05 * noise[:, 3],
        "rewards/rejected": -0.1 - 0.3 * done + 0.05 * noise[:, 2],
        "logps/chosen": -2.4 * np.exp(-2 * done) - 0.4 + 0.1 * noise[:, 0],
        "logps/rejected": -2.3 - 1.2 * done + 0.1 * noise[:, 1],
        "learning_rate": 1e-5 * (1 - done),
        "grad_norm": 1.4 + noise[:, 4] + spike,
        "log_odds": 0.1 + 3.0 * done + noise[:, 2],
        "tokens_per_second": 14_500 + 900 * noise[:, 3],
    }


def lines_of(total: int) -> Iterator[list[str]]:
    """Yield the lines of the whole run, in blocks. By their clock it ends about now."""
    begun, pace = time.time() - SECONDS, SECONDS / total
    seq = 0

    def line(kind: str, at: float, **fields: object) -> str:
        nonlocal seq
        seq += 1
        return json.dumps({"seq": seq, "time": begun + at, "type": kind, **fields}, separators=(",", ":")) + "\n"

    def measured(moment: str, step: int) -> str:
        values = {"loss": 1.2 + 1.5 / (1 + step / total), "rewards/accuracies": 0.5 + 0.4 * step / total}
        place = {"step": step, "epoch": 3 * step / total, "seconds": step * pace}
        return line("evaluation.metrics", step * pace, moment=moment, pairs=200, values=values, **place)

    def answers(step: int, source: str) -> list[str]:
        said = [(prompt, f"{_ANSWER * 8}{step}") for prompt in _PROMPTS]
        return [line("sample", step * pace, step=step, source=source, prompt=p, answer=a) for p, a in said]

    yield [
        line("run.launched", 0.0, attempt=1),
        line("data.prepared", 0.0, rows_in=total, train=total - 200, held_out=200),
        measured("before", 0),
        *answers(0, "base"),
        line(
            "training.started",
            0.0,
            first_step=0,
            total_steps=total,
            epochs=3.0,
            effective_batch=8,
            logging_steps=1,
            evaluation_steps=total // 200,
            checkpoint_steps=total // 200,
        ),
    ]
    sampled = 0
    for first in range(1, total + 1, _BLOCK):
        steps = np.arange(first, min(first + _BLOCK, total + 1))
        values = values_of(steps, total)
        names, block = list(values), []
        for step, row in zip(steps.tolist(), np.stack(list(values.values()), axis=1).tolist(), strict=True):
            at = step * pace
            logged = dict(zip(names, row, strict=True))
            block.append(line("train.metrics", at, step=step, epoch=3 * step / total, seconds=at, values=logged))
            if at // 2 > sampled:
                sampled = int(at // 2)
                load = {"cpu_load": 30 + sampled % 7, "memory_gib": 21.5 + sampled % 5 / 10, "gpu_load": 96.0}
                gpu = {"gpu_memory_gib": 18.25, "gpu_temperature": 71.0, "gpu_power_w": 301.5}
                block.append(line("machine", at, values=load | gpu))
            if step % max(1, total // 200) == 0:
                folder = f"checkpoints/checkpoint-{step}"
                block += [measured("during", step), *answers(step, "tuned")]
                block.append(line("checkpoint.saved", at, step=step, folder=folder, size_bytes=90_000_000))
            if step % max(1, total // 20) == total // 50:
                said = {"title": f"A sample answer of step {step} could not be written.", "detail": "It was cut."}
                said |= {"severity": "warning", "code": "no-sample", "hint": "The training goes on."}
                block.append(line("problem", at, **said))
        yield block


def write(path: Path, total: int, steps_per_second: float = 0.0) -> None:
    """Append the run, at this pace or as fast as it goes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    begun, written = time.monotonic(), 0
    for block in lines_of(total):
        for part in range(0, len(block), 50):
            raw = "".join(block[part : part + 50]).encode()
            file_lock.acquire(descriptor, block=True)
            os.write(descriptor, raw[:-100])
            os.write(descriptor, raw[-100:])
            file_lock.release(descriptor)
            written += 50
            if steps_per_second:
                time.sleep(max(0.0, begun + written / steps_per_second - time.monotonic()))
    os.close(descriptor)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), float((*sys.argv[3:], 0)[0]))
