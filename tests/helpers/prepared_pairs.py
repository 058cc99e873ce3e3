"""Prepared folders made of pairs as they are, those included that no conversion would let through."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from helpers.pair_files import text_row, write_jsonl
from orpo_studio.data.conversion import convert
from orpo_studio.data.pair import Pair
from orpo_studio.data.pair_files import SPLIT_SCHEMA
from orpo_studio.data.prepared import PAIRS, PAIRS_TO_VIEW, SUMMARY, PreparedData


def pair(prompt: str, chosen: str, rejected: str, row: int = 1, origin: str = "") -> Pair:
    """Return a pair of one question and two answers."""
    return Pair(
        [{"role": "user", "content": prompt}],
        [{"role": "assistant", "content": chosen}],
        [{"role": "assistant", "content": rejected}],
        row,
        origin,
    )


def prepared(folder: Path, train: Sequence[Pair], held_out: Sequence[Pair] = ()) -> PreparedData:
    """Write pairs as a conversion would, each as a row of its own with nothing set aside."""
    source = write_jsonl(folder.parent / f"{folder.name}.jsonl", [text_row(number) for number in range(2)])
    data = convert(source, folder, held_out=0, seed=1)
    pairs = [dataclasses.replace(pair, source_row=row + 1) for row, pair in enumerate([*train, *held_out])]
    splits = ["train"] * len(train) + ["held_out"] * len(held_out)
    rows = [{**dataclasses.asdict(one), "split": split} for one, split in zip(pairs, splits, strict=True)]
    table = pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)
    pq.write_table(table, folder / PAIRS)
    with pa.OSFile(str(folder / PAIRS_TO_VIEW), "wb") as file, pa.ipc.new_file(file, SPLIT_SCHEMA) as writer:
        writer.write_table(table, max_chunksize=1_024)
    summary = dataclasses.replace(
        data.summary,
        rows_in=len(rows),
        rows_used=len(rows),
        kept=len(rows),
        train=len(train),
        held_out=len(held_out),
    )
    (folder / SUMMARY).write_text(summary.to_json(), encoding="utf-8")
    return PreparedData.open(folder)
