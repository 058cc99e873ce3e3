"""What a base model thinks of pairs, kept in a file by content: the trainer writes it, everyone reads it. No torch.

A file holds some rows of one prepared folder under one model. Rows are asked in an order drawn once from a fixed
seed, so whatever a file holds, a stopped job's included, is a random sample of all rows, and a larger sample holds
the smaller one.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orpo_studio.data.digest import digest_of
from orpo_studio.data.prepared import PAIRS_TO_VIEW, PreparedData
from orpo_studio.data.problem import DataProblem
from orpo_studio.models.card import ModelCard
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.models.weights import weight_files

SAMPLE = 2_000
"""Pairs that are asked about unless more are wanted: the share then has an interval of ± 2 points."""
VERSION = 1
_SEED = 20_240_703
_KEY = b"orpo_studio_margins"
_SCHEMA = pa.schema([("row", pa.int64()), ("chosen_logp", pa.float64()), ("rejected_logp", pa.float64())])
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt")
_BLOCK = 1 << 16
_BLOCKS = 32
"""Pieces read from a weight file to know its content by; all of it would take minutes."""
_MONTH = 30 * 86_400.0
_CERTAIN = -1e-12
"""Mean log-probabilities above this count as this: log(1 − e^p) has no value at p = 0."""


@dataclass(frozen=True, slots=True)
class AnswerLogps:
    """Mean log-probability per token of a pair's two answers under the model, in nats."""

    chosen: float
    rejected: float

    @property
    def margin(self) -> float:
        """The log-odds difference of ORPO's loss; above 0 where the model finds the chosen answer likelier."""
        return _log_odds(self.chosen) - _log_odds(self.rejected)


@dataclass(frozen=True, slots=True)
class Margins:
    """What a file holds.

    Attributes:
        total: pairs of the prepared data, training and held-out ones.
        model: the model's name, for people.
        rows: by row in the order of `PairPages`; None where the pair leaves no room for an answer.
    """

    total: int
    model: str
    rows: Mapping[int, AnswerLogps | None]

    def in_order(self) -> list[float | None]:
        """Return each row's margin in the order of `PairPages`; None where the model was not asked."""
        found: list[float | None] = [None] * self.total
        for row, logps in self.rows.items():
            if logps is not None:
                found[row] = logps.margin
        return found


def read_margins(path: Path) -> list[float | None]:
    """Return the log-odds differences of a file, one for each row in the order of `PairPages`; None where unknown.

    Raises:
        DataProblem: the file cannot be read.
    """
    return read_margins_file(path).in_order()


def read_margins_file(path: Path) -> Margins:
    """Read a file.

    Raises:
        DataProblem: it cannot be read.
    """
    try:
        table = pq.read_table(str(path))
        about = json.loads(table.schema.metadata[_KEY])
        rows = {
            int(row): None if chosen is None or rejected is None else AnswerLogps(chosen, rejected)
            for row, chosen, rejected in zip(*(table[name].to_pylist() for name in _SCHEMA.names), strict=True)
        }
        found = Margins(int(about["total"]), str(about["model"]), rows)
        if any(not 0 <= row < found.total for row in rows):
            raise ValueError("A row is out of range.")
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DataProblem(
            "unreadable-margins",
            "What the base model thinks of the pairs cannot be read.",
            detail=f"{path}: {error}",
            hint="Ask the base model again; the file is then written anew.",
        ) from error
    return found


def write_margins(path: Path, margins: Margins) -> None:
    """Write a file, whole or not at all, and remove those beside it that nothing has used for a month.

    Raises:
        OSError: it cannot be written.
    """
    ordered = sorted(margins.rows.items())
    about = json.dumps({"total": margins.total, "model": margins.model, "version": VERSION})
    table = pa.table(
        [
            pa.array([row for row, _ in ordered], pa.int64()),
            pa.array([logps.chosen if logps else None for _, logps in ordered], pa.float64()),
            pa.array([logps.rejected if logps else None for _, logps in ordered], pa.float64()),
        ],
        schema=_SCHEMA.with_metadata({_KEY: about.encode()}),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        pq.write_table(table, str(beside))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _remove_unused(path.parent)


def rows_to_ask(total: int, sample: int | None) -> Sequence[int]:
    """Return the rows of a sample in the order in which they are asked: the first of one order drawn for all sizes.

    Args:
        total: how many rows there are.
        sample: how many to ask; None for all.
    """
    order = np.random.default_rng(_SEED).permutation(total)
    rows: list[int] = order[: total if sample is None else max(0, sample)].tolist()
    return rows


def margins_path(cache: Path, data: PreparedData, card: ModelCard, *, max_length: int, quantization: str) -> Path:
    """Return where the margins of these pairs under this model lie, or would: the name is a digest of both.

    It reads the pairs' file whole, so it takes seconds where they are many: not for the window's own thread.

    Args:
        cache: the person's cache folder.
        data: the pairs.
        card: the base model.
        max_length: in tokens; answers are cut there.
        quantization: how the weights are held, such as ``none``.

    Raises:
        DataProblem: the pairs' file cannot be read.
        OSError: the model's files cannot be read.
    """
    template = ChatTemplate.of(card)
    parts = {
        "version": VERSION,
        "pairs": digest_of(data.folder / PAIRS_TO_VIEW),
        "config": digest_of(card.path / "config.json"),
        "weights": [_weights_digest(path) for path in weight_files(card.path)],
        "tokenizer": [digest_of(card.path / name) for name in _TOKENIZER_FILES if (card.path / name).is_file()],
        "template": [template.source, sorted(template.special_tokens.items())],
        "max_length": max_length,
        "quantization": quantization,
    }
    key = blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
    return cache / "margins" / f"{key}.parquet"


def _weights_digest(path: Path) -> str:
    """Return what stands for a weight file: its size, its time, and pieces spread over it."""
    digest = blake2b(digest_size=32)
    stat = path.stat()
    digest.update(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    with path.open("rb") as file:
        for start in np.linspace(0, max(0, stat.st_size - _BLOCK), _BLOCKS).astype(np.int64).tolist():
            file.seek(start)
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def _remove_unused(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _MONTH:
                path.unlink()


def _log_odds(mean_logp: float) -> float:
    p = min(mean_logp, _CERTAIN)
    rest = math.log(-math.expm1(p)) if p > -math.log(2) else math.log1p(-math.exp(p))
    return p - rest
