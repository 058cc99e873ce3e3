"""A window reduced to what follows a run: ``python -m faults.window FOLDER NOTES [JOB REQUEST]``.

It follows the run through the program's own `RunFollower` and notes every event that it was given and every state that
it would show, one JSON object a line. With a job it starts that first, as a window does.
"""

import json
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication

from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.garbage import GarbageCollector
from orpo_studio.runs import Job, RunFolder, RunFolderError, launch


def main() -> int:
    """Follow until killed."""
    app = QCoreApplication([])
    GarbageCollector(app)
    folder = RunFolder(Path(sys.argv[1]))
    with Path(sys.argv[2]).open("a", buffering=1, encoding="utf-8") as notes:

        def note(**what: Any) -> None:
            notes.write(json.dumps(what) + "\n")

        follower = RunFollower(folder)
        follower.events.connect(lambda events: note(seqs=[event.seq for event in events]))
        follower.state_changed.connect(lambda: note(state=follower.state, live=follower.is_live))
        if len(sys.argv) > 3:
            written = follower.written()
            try:
                process = launch(folder, Job(sys.argv[3]), **json.loads(sys.argv[4]))
            except RunFolderError as error:
                note(refused=error.code)
                return 1
            follower.watch_process(process, written)
            note(supervisor=process.pid)
        follower.start()
        return app.exec()


if __name__ == "__main__":
    sys.exit(main())
