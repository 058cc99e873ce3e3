"""``python -m orpo_studio.cli``: the terminal where the ``orpo-studio`` command is not on the path."""

import sys

from orpo_studio.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
