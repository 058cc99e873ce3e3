"""How long pairs are in bytes of text, which the memory-mapped file knows without reading any text."""

import numpy as np

from orpo_studio.data.prepared import PAIRS_TO_VIEW, PreparedData


def text_bytes(file: str, rows: int) -> np.ndarray:
    """Return the bytes of text of the first rows of a file of pairs: (rows, 3) for prompt, chosen and rejected."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    with pa.memory_map(file) as source:
        reader = pa.ipc.open_file(source)
        for place in range(reader.num_record_batches):
            batch = reader.get_record_batch(place)
            columns = []
            for name in ("prompt", "chosen", "rejected"):
                turns = batch.column(name)
                ends = turns.offsets.to_numpy() - turns.offsets[0].as_py()
                lengths = pc.binary_length(turns.flatten().field("content")).to_numpy(zero_copy_only=False)
                sums = np.concatenate([[0], np.cumsum(lengths)])
                columns.append(sums[ends[1:]] - sums[ends[:-1]])
            parts.append(np.stack(columns, axis=1))
    return np.concatenate(parts)[:rows].astype(np.int64)


def training_bytes(data: PreparedData) -> np.ndarray:
    """Return the bytes of text of all training pairs: (pairs, 3) for prompt, chosen and rejected."""
    return text_bytes(str(data.folder / PAIRS_TO_VIEW), data.summary.train)
