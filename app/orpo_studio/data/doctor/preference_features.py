"""What can be seen of an answer without a model: figures of its form and its words, hashed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orpo_studio.data.doctor.columns import Ints, byte_lengths
from orpo_studio.data.doctor.sketch import word_hashes

WORDS = 1_024
"""Columns that hashed words share; each word adds or takes away, so that chance meetings cancel out."""
_COUNTED = (r"\n", r"\n[-*•] ", r"\n\d+[.)] ", "```", r"\*\*", r"\?", "!", ",", r"\d", "[A-Z]", r"\n#+ ")
_PRESENT = (
    r"(?i)\b(sorry|apologi[sz]e|cannot|can't|unable)\b",
    r"(?i)\bas an? (ai|language model|assistant)\b",
    r"(?i)^\s*(sure|certainly|of course|great|hello|hi)\b",
    r"(?i)(let me know|hope this helps|feel free)",
    r"[.!?:\"')\]`]\s*$",
)


def form(texts: pa.StringArray) -> np.ndarray:
    """Return figures of the form of each text: (texts, features), each on a logarithmic or 0/1 scale."""
    length = np.log1p(byte_lengths(texts).astype(np.float64))
    columns = [length, length**2 / 10]
    for pattern in _COUNTED:
        found = pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(np.float64)
        columns.append(np.log1p(found))
        columns.append(np.log1p(found) - length)
    found = (pc.match_substring_regex(texts, pattern) for pattern in _PRESENT)
    columns += [mask.to_numpy(zero_copy_only=False).astype(np.float64) for mask in found]
    return np.stack(columns, axis=1)


def words(texts: pa.StringArray) -> np.ndarray:
    """Return the words of each text, hashed into `WORDS` columns and weighed so that a text's length does not count."""
    counts = np.zeros((len(texts), WORDS), dtype=np.float32)
    for whole in (True, False):
        hashes, offsets = word_hashes(texts, whole_words=whole)
        rows = np.repeat(np.arange(len(texts)), np.diff(offsets))
        _add_signed(counts, rows, hashes)
    norms = np.linalg.norm(counts, axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(norms, 1.0), dtype=np.float32)


def _add_signed(counts: np.ndarray, rows: Ints, hashes: np.ndarray) -> None:
    """Add one for each different word of a text, with the sign that its hash says."""
    there = np.zeros((len(counts), WORDS, 2), dtype=bool)
    columns = ((hashes >> np.uint64(40)) % np.uint64(2 * WORDS)).astype(np.int64)
    there.reshape(len(counts), 2 * WORDS)[rows, columns] = True
    counts += there[:, :, 0]
    counts -= there[:, :, 1]
