"""Makes the embedded default of ORPO Studio from nothing: a base model and preference pairs.

    python packaging/demo/build.py --out resources/demo          all of it, about eight minutes on two cores
    python packaging/demo/build.py --out resources/demo --check  are the pairs what the generator gives?

Needs the training environment. The seed is fixed and the algorithms are deterministic, so on one
machine with one version of PyTorch the weights come out the same; the pairs do everywhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from conversations import preference_files, write_preference_files

THREADS = 2


def differing_files(folder: Path) -> list[str]:
    """Names of preference files that are missing or not byte for byte what the generator gives."""
    return [
        name
        for name, text in preference_files().items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode()
    ]


def main() -> int:
    """Builds or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write, or to check")
    parser.add_argument("--check", action="store_true", help="write nothing; compare the preference files")
    parser.add_argument("--pairs-only", action="store_true", help="write the preference files and no model")
    arguments = parser.parse_args()
    if arguments.check:
        differing = differing_files(arguments.out)
        print("Differs from the generator: " + ", ".join(differing) if differing else "The pairs are as generated.")
        return 1 if differing else 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_preference_files(arguments.out)
    print(f"Wrote {', '.join(preference_files())} in {arguments.out}", flush=True)
    if not arguments.pairs_only:
        os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
        # Threads that wait for each other sleep: on a busy machine, spinning trebles the work.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import torch
        from base_model import Schedule, build_model

        torch.set_num_threads(THREADS)
        build_model(arguments.out / "model", Schedule())
        shutil.copyfile(Path(__file__).with_name("model_card.md"), arguments.out / "model" / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
