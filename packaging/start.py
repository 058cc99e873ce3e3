#!/usr/bin/env python3
"""Set up ORPO Studio in .venv beside this folder, then start it.

    python3 packaging/start.py                 the window, or the demo in the terminal where there is no screen
    python3 packaging/start.py test [ARGS]     every check: linters, types, tests (ARGS go to pytest)
    python3 packaging/start.py WORDS           the same as `orpo-studio WORDS`: demo, train, doctor, ...
    python3 packaging/start.py --window-only   an environment without the training packages

Needs Python 3.11 or newer and nothing else. The first run downloads what is missing; later runs check the
environment in a fraction of a second and repair it where it is broken.
"""

# This file is all that an old Python reads, so it must parse there; everything newer is in setup_steps.
import os
import shutil
import sys

NEWEST_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")


def refusal(version, find):
    """Say what to do with a Python that is too old: its version, and a newer one if `find` knows of it."""
    lines = ["ORPO Studio needs Python 3.11 or newer; this is Python {}.{} ({}).".format(*version[:2], sys.executable)]
    newer = [path for path in map(find, NEWEST_NAMES) if path]
    if newer:
        lines.append(f"A newer one is here. Start it like this:\n  {newer[0]} packaging/start.py")
    elif os.name == "nt":
        lines.append("Install one from https://www.python.org/downloads/ and start it with: py -3 packaging\\start.py")
    else:
        lines.append("Install one (Debian 12 and Ubuntu 24.04 bring it as python3, macOS: brew install python@3.13).")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the line that tells people so
        sys.exit(refusal(sys.version_info, shutil.which))
    from setup_steps.command import main

    sys.exit(main(sys.argv[1:]))
