"""How long pairs are in bytes of text, which the memory-mapped file knows without reading any text."""

import numpy as np

from orpo_studio.data.pages import PARTS
from orpo_studio.data.prepared import PAIRS_TO_VIEW, PreparedData
from orpo_studio.data.turns import Turns


def text_bytes(file: str, rows: int | None = None) -> np.ndarray:
    """Return the bytes of text of the first rows of a file of pairs, or of all: (rows, 3) int32, in `PARTS` order.

    One record batch holds less than 2 GiB of text, and so does a row.
    """
    import pyarrow as pa

    parts = [np.zeros((0, len(PARTS)), np.int32)]
    found = 0
    with pa.memory_map(file) as source:
        reader = pa.ipc.open_file(source)
        for place in range(reader.num_record_batches):
            if rows is not None and found >= rows:
                break
            batch = reader.get_batch(place)
            found += batch.num_rows
            parts.append(np.stack([Turns(batch.column(part)).lengths() for part in PARTS], axis=1))
    return np.concatenate(parts)[:rows]


def training_bytes(data: PreparedData) -> np.ndarray:
    """Return the bytes of text of all training pairs: (pairs, 3) for prompt, chosen and rejected."""
    return text_bytes(str(data.folder / PAIRS_TO_VIEW), data.summary.train)
