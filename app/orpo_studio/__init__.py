"""ORPO Studio: preference fine-tuning on one workstation."""

import os

# pydantic otherwise looks through every installed package for plugins at each start: 20 ms, and code nobody asked for.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

__version__ = "0.1.0"
