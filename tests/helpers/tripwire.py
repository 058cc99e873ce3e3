"""Things outside of a run that must stay as they are, whatever is in the run."""

import os
from collections.abc import Iterator
from pathlib import Path

VICTIM = "this belongs to the person\nand its last line has no end"


class Outside:
    """A folder beside the workspace, with a file and a folder that an attacker would like to change."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.file, self.folder = place / "notes.txt", place / "papers"
        (self.folder / "checkpoint-5").mkdir(parents=True)
        self.file.write_text(VICTIM)
        for name in ("stop.1", "request.0000000000000000", "letter.txt", "checkpoint-5/thesis.tex", "id_ed25519"):
            (self.folder / name).write_text(VICTIM)
        self._before = dict(_all_of(place))

    def is_untouched(self) -> bool:
        """Tell whether nothing was changed, added or removed."""
        return dict(_all_of(self.place)) == self._before


def _all_of(place: Path) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for folder, _folders, files in os.walk(place):
        yield folder, (0, b"")
        for name in files:
            path = Path(folder, name)
            yield str(path), (path.stat().st_mtime_ns, path.read_bytes())
