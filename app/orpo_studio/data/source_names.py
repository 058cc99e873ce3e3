"""Names that tell sources apart: two files that are called the same are named with their folders."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from orpo_studio.data.plan import Portion


def distinct_names(portions: Sequence[Portion]) -> list[str]:
    """Return a name for each source: as few last parts of its path as tell it from the others.

    Splits of one dataset are told apart by the split, and a source that is taken again by a number.
    """
    paths = {portion.source for portion in portions}
    names = []
    for portion in portions:
        name = _shortest(portion.source, paths - {portion.source})
        names.append(f"{name} ({portion.split})" if portion.split and len(portions) > 1 else name)
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told


def _shortest(path: Path, others: set[Path]) -> str:
    for count in range(1, len(path.parts) + 1):
        tail = path.parts[-count:]
        if all(other.parts[-count:] != tail for other in others):
            return "/".join(tail)
    return str(path)
