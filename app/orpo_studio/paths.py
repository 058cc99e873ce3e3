"""Where the program's own files and the person's files lie.

``resources/`` is found from a source tree, from an installed wheel and from a frozen bundle; the workspace is
the folder that holds a person's runs.
"""

import os
import sys
from pathlib import Path

import platformdirs

WORKSPACE_VARIABLE = "ORPO_STUDIO_WORKSPACE"
"""Environment variable that names the workspace when no ``--workspace`` is given."""


def resources() -> Path:
    """Return the folder with recipes, themes, help texts and the demo.

    Raises:
        FileNotFoundError: the installation lacks its resources.
    """
    package = Path(__file__).resolve().parent
    frozen = getattr(sys, "_MEIPASS", None)
    candidates = [package / "_resources", package.parents[1] / "resources"]
    if frozen is not None:
        candidates.insert(0, Path(frozen) / "resources")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"ORPO Studio's own files are missing: none of {', '.join(map(str, candidates))} exists. Install it again."
    )


def demo_model() -> Path:
    """Return the folder of the embedded demo model."""
    return resources() / "demo" / "model"


def demo_data() -> Path:
    """Return the file of the demo's training pairs."""
    return resources() / "demo" / "pairs.jsonl"


def demo_held_out() -> Path:
    """Return the file of the demo's held-out pairs."""
    return resources() / "demo" / "held_out.jsonl"


def default_workspace() -> Path:
    """Return the workspace to use when none is named: the variable's, or a folder in the person's documents."""
    named = os.environ.get(WORKSPACE_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    return Path(platformdirs.user_documents_dir()) / "ORPO Studio"


def expand(text: str) -> Path:
    """Return the path that a person typed, with ``~`` as their home; that of an unknown user stays as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def preferences_file() -> Path:
    """Return the file that keeps the window's preferences between starts."""
    return Path(platformdirs.user_config_dir("orpo-studio", appauthor=False)) / "preferences.json"


def cache_folder() -> Path:
    """Return the folder for what can be made again, such as converted copies of data."""
    return Path(platformdirs.user_cache_dir("orpo-studio", appauthor=False))
