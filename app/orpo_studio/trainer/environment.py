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
    """Forbid the network and telemetry to the libraries of this process, and show them one GPU."""
    os.environ.update(_SETTINGS)
    # Threads that wait sleep instead of spinning. With other work on two cores, spinning made the same layers take
    # 3 to 4 times as long, and it would take the cores from the window. But they spin for a moment first: waking them
    # for each of a step's thousands of operations cost a sixth of its time on an idle machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # One run computes on one card. With several in sight the library would split each batch between threads.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as the machine's sampler counts them
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    # Nothing here is compiled, but bitsandbytes asks for it when it is imported, and what answers takes a fifth of the
    # time until a trainer is there. Its kernels for a card are built already.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    # Less fragmentation where sequence lengths vary from batch to batch; a person's own choice stays.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
