"""Which folder a specification's model means on this machine; “demo” means the embedded one."""

from pathlib import Path

from orpo_studio import paths
from orpo_studio.config import DEMO


def model_folder(path: str) -> Path:
    """Return the folder that a model's path means."""
    return paths.demo_model() if path == DEMO else paths.expand(path)
