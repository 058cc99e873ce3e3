"""A run whose events are written by a script instead of a trainer, for tests of what is shown of it."""

import math
from pathlib import Path

from orpo_studio.config import RunSpec
from orpo_studio.events import (
    CheckpointSaved,
    DataPrepared,
    EvaluationMetrics,
    Event,
    EventLog,
    Machine,
    ModelLoaded,
    PathChosen,
    Problem,
    RunEnded,
    RunLaunched,
    SampleAnswer,
    Stage,
    TrainingStarted,
    TrainMetrics,
)
from orpo_studio.runs import RunFolder, RunLock, create_run

PROMPTS = ("My parcel has not arrived. What now?", "How do I reset my password?")


class ScriptedRun:
    """Writes a run folder as a supervisor and a trainer would; holds the lock while it is alive."""

    def __init__(self, workspace: Path, name: str = "scripted", *, alive: bool = True, **sections: object) -> None:
        values = {"name": name, "model": {"path": "demo"}, "data": {"source": "demo"}, **sections}
        self.folder: RunFolder = create_run(workspace, RunSpec.model_validate(values))
        self.log = EventLog(self.folder.events_file)
        self.lock = RunLock(self.folder.lock_file)
        if alive:
            assert self.lock.take()

    def say(self, *events: Event) -> None:
        """Append events."""
        for event in events:
            self.log.append(event)

    def begin(self, total_steps: int = 100) -> None:
        """Say all that comes before the first step."""
        self.say(
            RunLaunched(attempt=1),
            Stage(name="load", title="Loading the base model"),
            ModelLoaded(
                architecture="LlamaForCausalLM",
                parameters=1_800_000,
                trainable=90_000,
                device="cpu",
                dtype="float32",
                quantization="none",
            ),
            DataPrepared(rows_in=500, train=400, held_out=100),
            PathChosen(path="packed", reason="The model takes it."),
            self.measured("before", 0, total_steps),
            *(SampleAnswer(step=0, source="base", prompt=prompt, answer="No idea.") for prompt in PROMPTS),
            TrainingStarted(
                first_step=0,
                total_steps=total_steps,
                epochs=2.0,
                effective_batch=8,
                logging_steps=1,
                evaluation_steps=max(1, total_steps // 5),
                checkpoint_steps=max(1, total_steps // 5),
            ),
        )

    def train(self, first: int, last: int, total_steps: int = 100) -> None:
        """Say steps ``first`` to ``last``, with an evaluation, answers and a checkpoint at each fifth."""
        part = max(1, total_steps // 5)
        for step in range(first, last + 1):
            self.say(self.step(step, total_steps))
            if step % 5 == 0:
                self.say(Machine(values={"cpu_load": 93.0, "memory_gib": 7.1, "process_memory_gib": 1.2}))
            if step % part == 0:
                answer = "Thank you for telling us. We are looking for it and will write to you today."
                self.say(
                    self.measured("during", step, total_steps),
                    *(SampleAnswer(step=step, source="tuned", prompt=prompt, answer=answer) for prompt in PROMPTS),
                    CheckpointSaved(step=step, folder=f"checkpoints/checkpoint-{step}", size_bytes=2_000_000),
                )

    def complete(self, total_steps: int = 100) -> None:
        """Say that all went well, leave an adapter, and die."""
        self.say(self.measured("after", total_steps, total_steps), RunEnded(outcome="completed", step=total_steps))
        self.folder.adapter.mkdir(exist_ok=True)
        (self.folder.adapter / "adapter_model.safetensors").write_bytes(bytes(400_000))
        self.die()

    def fail(self, problem: Problem | None = None, *, signal: int | None = None, log_tail: str = "") -> None:
        """Say that it failed, and die."""
        if problem is not None:
            self.say(problem)
        self.say(RunEnded(outcome="failed", exit_code=1, signal=signal, log_tail=log_tail))
        self.die()

    def die(self) -> None:
        """Free the lock, as the system does when a process ends."""
        self.lock.release()

    def close(self) -> None:
        """Free all."""
        self.lock.release()
        self.log.close()

    @staticmethod
    def step(step: int, total: int) -> TrainMetrics:
        """Return a step's figures as they look in a run that goes well."""
        done = step / total
        wave = math.sin(step * 2.3) * 0.04 + math.sin(step * 0.71) * 0.03
        return TrainMetrics(
            step=step,
            epoch=2 * done,
            seconds=step * 1.1,
            values={
                "loss": 2.6 * math.exp(-1.8 * done) + 0.3 + wave,
                "nll_loss": 2.5 * math.exp(-1.9 * done) + 0.27 + wave,
                "odds_ratio_loss": 0.07 * math.exp(-2 * done) + wave / 20,
                "rewards/accuracies": min(1.0, max(0.0, 0.5 + 0.45 * (1 - math.exp(-4 * done)) + 2 * wave)),
                "rewards/margins": 0.3 * (1 - math.exp(-3 * done)) + wave,
                "logps/chosen": -2.4 * math.exp(-2 * done) - 0.4 + wave,
                "logps/rejected": -2.3 - 1.2 * done + wave,
                "log_odds": 0.1 + 3.0 * done + wave,
                "learning_rate": 1e-3 * (1 - done),
                "grad_norm": 1.4 + 4 * wave,
                "tokens_per_second": 1450 + 900 * wave,
            },
        )

    @staticmethod
    def measured(moment: str, step: int, total: int) -> EvaluationMetrics:
        """Return a measurement on held-out pairs."""
        done = step / total
        return EvaluationMetrics.model_validate(
            {
                "moment": moment,
                "step": step,
                "epoch": 2 * done,
                "seconds": step * 1.1,
                "pairs": 100,
                "values": {
                    "loss": 2.7 * math.exp(-1.7 * done) + 0.35,
                    "rewards/accuracies": 0.52 + 0.4 * (1 - math.exp(-4 * done)),
                    "rewards/margins": 0.02 + 0.28 * (1 - math.exp(-3 * done)),
                },
            }
        )
