"""What must be set before torch and its family are imported: nothing goes out, nothing is announced."""

import os

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",  # bars in console.log are noise: progress is told by events
}


def prepare_environment() -> None:
    """Forbid the network and telemetry to the libraries of this process."""
    os.environ.update(_SETTINGS)
    # Less fragmentation where sequence lengths vary from batch to batch; a person's own choice stays.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
