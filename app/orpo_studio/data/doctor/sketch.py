"""Numbers that stand for texts: exact keys, and MinHash sketches that tell how alike two texts are.

What is hashed for a sketch are the first eight bytes of each word, in small ASCII letters; of languages without
blanks, two signs and a part of the third from each sign on.
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orpo_studio.data.doctor.columns import Ints, Keys

PLACES = 64
"""Places of a sketch; two sketches agree at the share of places that two texts have in common (± 0.06)."""
Sketches = npt.NDArray[np.uint8]
"""(texts, PLACES): the lowest byte of each MinHash value, at a cost of one false agreement in 256."""

ALIKE = 0.8
"""Share of words in common from which texts count as nearly the same."""
_BAND = 8
"""Places of a sketch that must agree at once for two texts to be compared: 8 bands of 8 find 92 of 100 pairs of texts
that are 85 % alike, and all but one of 100 that are 90 % alike."""
_SEED = 20_240_312
_WINDOW = 8
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32
_IS_WORD = np.zeros(256, dtype=bool)
_IS_WORD[[*range(ord("0"), ord("9") + 1), *range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]] = True
_IS_WORD[128:] = True
_IS_SIGN = np.zeros(256, dtype=bool)
_IS_SIGN[0xE3:0xEE] = True  # first bytes of kana, CJK and Hangul, which are written without blanks
_KEEP = np.array([(1 << (8 * count)) - 1 for count in range(_WINDOW)] + [2**64 - 1], dtype=np.uint64)
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def exact_keys(texts: pa.StringArray) -> Keys:
    """Return 64 bits for each text; blanks around it do not matter."""
    keys = [blake2b(text.strip(), digest_size=8).digest() for text in texts.cast(pa.binary()).to_pylist()]
    return np.frombuffer(b"".join(keys), dtype="<u8").astype(np.uint64)


def word_hashes(texts: pa.StringArray, *, whole_words: bool = False) -> tuple[Keys, Ints]:
    """Return the hashes of the words of all texts one after the other, and (texts + 1) offsets into them.

    Args:
        texts: none of them null.
        whole_words: hash up to eight bytes of the word alone, not what follows it.
    """
    data, ends = bytes_of(texts)
    if not len(data):
        return np.zeros(0, np.uint64), np.zeros(len(texts) + 1, np.int64)
    word = _IS_WORD[data]
    begins = word.copy()
    begins[1:] &= ~word[:-1]
    firsts = ends[:-1][ends[:-1] < len(data)]
    begins[firsts] = word[firsts]
    begins |= _IS_SIGN[data]
    places = np.flatnonzero(begins)
    offsets = np.searchsorted(places, ends).astype(np.int64)
    padded = np.zeros(len(data) + _WINDOW, dtype=np.uint8)
    padded[:-_WINDOW] = _LOWER[data]
    windows = np.ndarray(shape=(len(data),), dtype="<u8", buffer=padded, strides=(1,))[places]
    limits = np.repeat(ends[1:], np.diff(offsets))
    if whole_words:
        stops = np.flatnonzero(~word)
        limits = np.minimum(limits, np.append(stops, len(data))[np.searchsorted(stops, places)])
    windows &= _KEEP[np.minimum(limits - places, _WINDOW)]
    return mixed(windows), offsets


def mixed(numbers: Keys) -> Keys:
    """Return numbers whose bits all depend on all bits of those given."""
    numbers = numbers * _MIX[0]
    numbers ^= numbers >> np.uint64(32)
    numbers *= _MIX[1]
    numbers ^= numbers >> np.uint64(29)
    return numbers


def sketches(hashes: Keys, offsets: Ints) -> Sketches:
    """Return a sketch of each text; that of a text without words is 255 everywhere."""
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype(np.uint64), PLACES, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(offsets) - 1, PLACES).astype(np.uint8)


def joined(parts: list[tuple[Keys, Ints]]) -> tuple[Keys, Ints]:
    """Return the hashes of several texts a row as those of one."""
    counts = np.stack([np.diff(offsets) for _, offsets in parts], axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts.sum(axis=1))]).astype(np.int64)
    starts = (offsets[:-1, None] + np.cumsum(counts, axis=1) - counts).astype(np.int64)
    hashes = np.empty(offsets[-1], dtype=np.uint64)
    for part, (own, own_offsets) in enumerate(parts):
        shift = np.repeat(starts[:, part] - own_offsets[:-1], counts[:, part])
        hashes[np.arange(len(own)) + shift] = own
    return hashes, offsets


def likeness(first: Sketches, second: Sketches) -> np.ndarray:
    """Return the estimated share of words that texts have in common, pair by pair, 0 to 1."""
    return np.asarray((first == second).mean(axis=1), dtype=np.float32)


def alike_candidates(sketched: Sketches) -> tuple[Ints, Ints]:
    """Return two columns of rows that may be alike, the earlier first.

    Rows of the same band are held against the first and against the one before, which is enough to find a group and
    keeps a set of a hundred thousand repeats as quick as any other.
    """
    bands = np.ascontiguousarray(sketched).view("<u8")
    edges = []
    for band in range(bands.shape[1]):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        same = values[1:] == values[:-1]
        if not same.any():
            continue
        starts = np.concatenate([[True], ~same])
        leaders = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
        edges.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
        edges.append(np.stack([leaders[1:][same], order[1:][same]], axis=1))
    if not edges:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    found = np.unique(np.concatenate(edges), axis=0)
    return found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)


def bytes_of(texts: pa.StringArray) -> tuple[np.ndarray, Ints]:
    """Return the bytes of all texts in one array, without a copy, and (texts + 1) offsets into it."""
    _, places, data = texts.buffers()
    ends = np.frombuffer(places, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    if data is None or ends[-1] == ends[0]:
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    return np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]], ends - ends[0]
