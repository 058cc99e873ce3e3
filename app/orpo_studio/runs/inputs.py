"""Which files a specification's model and data mean on this machine; “demo” means the embedded ones."""

from pathlib import Path

from orpo_studio import paths
from orpo_studio.config import DEMO
from orpo_studio.config.sections import DataSection


def model_folder(path: str) -> Path:
    """Return the folder that a model's path means."""
    return paths.demo_model() if path == DEMO else paths.expand(path)


def data_files(data: DataSection) -> tuple[Path, float | Path]:
    """Return the data file, and what is held out of it: a share, or a file of its own. The demo brings its own."""
    source = paths.demo_data() if data.source == DEMO else paths.expand(data.source)
    if named := data.held_out_file.strip():
        return source, paths.expand(named)
    return source, paths.demo_held_out() if data.source == DEMO else data.held_out
