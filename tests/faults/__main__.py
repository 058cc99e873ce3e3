"""Kill runs and print what came of it: ``PYTHONPATH=tests python -m faults [--long] [--kills N] [--seed N]``.

Lives go side by side, one to a core, and each that is over is noted in ``--out``: an interrupted call goes on where it
was when it is repeated. The last line is JSON. The exit code is 0 when all that was injected was survived.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from faults.life import Life
from faults.plan import plan_life
from faults.processes import ENVIRONMENT
from faults.reference import undisturbed
from faults.table import FINDINGS, render, tally, total
from faults.variants import VARIANTS
from helpers.tiny_model import write_tiny_model
from orpo_studio.trainer.environment import prepare_environment

LONG, SHORT = 200, 12


def main() -> int:
    """Run as the command line says."""
    options = _options()
    prepare_environment()
    os.environ.update(ENVIRONMENT)
    out = options.out or Path(tempfile.gettempdir()) / f"orpo-studio-faults-{options.seed}"
    out.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(out / "cache")
    if not (out / "model").exists():
        write_tiny_model(out / "model")
    begun = time.monotonic()
    known = _known(out)
    try:
        for record in _lives(out, options, known):
            known.append(record)
            _say(record, known, begun)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from here.", flush=True)
    return _report(known)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--long", action="store_true", help=f"{LONG} kills in place of {SHORT}")
    parser.add_argument("--kills", type=int, help="how many kills")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance")
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1, help="lives at once")
    parser.add_argument("--out", type=Path, help="folder of the lives and of what is known of them")
    options = parser.parse_args()
    options.kills = options.kills or (LONG if options.long else SHORT)
    return options


def _known(out: Path) -> list[dict[str, Any]]:
    notes = out / "lives.jsonl"
    lines = notes.read_text(encoding="utf-8").split("\n")[:-1] if notes.exists() else []
    return [json.loads(line) for line in lines]


def _injected(records: list[dict[str, Any]]) -> int:
    return sum(fault["injected"] for record in records for fault in record["faults"])


def _lives(out: Path, options: argparse.Namespace, known: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the records of new lives until there were enough kills."""
    done = {record["life"] for record in known}
    following = (life for life in range(10 * options.kills) if life not in done)
    injected, planned = _injected(known), 0
    with ThreadPoolExecutor(options.side_by_side) as pool, (out / "lives.jsonl").open("a", encoding="utf-8") as notes:
        if injected < options.kills:
            list(pool.map(lambda variant: undisturbed(out, variant, out / "model"), VARIANTS))
        under_way: dict[Future[dict[str, Any]], int] = {}
        while True:
            while injected + planned < options.kills and len(under_way) < options.side_by_side:
                life = next(following)
                faults = len(plan_life(options.seed, life)[1])
                under_way[pool.submit(_live, out, options.seed, life)] = faults
                planned += faults
            if not under_way:
                return
            over, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in over:
                planned -= under_way.pop(future)
                record = future.result()
                injected += _injected([record])
                notes.write(json.dumps(record) + "\n")
                notes.flush()
                yield record


def _live(out: Path, seed: int, life: int) -> dict[str, Any]:
    variant, faults, draw = plan_life(seed, life)
    place = out / f"life-{life}"
    shutil.rmtree(place, ignore_errors=True)
    model = out / "model"
    reference = undisturbed(out, variant, model)
    record = Life(place, model, variant, reference, faults, draw).live().to_json() | {"life": life}
    if not record["ended"] and all(_is_well(fault) for fault in record["faults"]):
        shutil.rmtree(place)
    return record


def _is_well(fault: dict[str, Any]) -> bool:
    return not any(fault[name] for name in FINDINGS)


def _say(record: dict[str, Any], known: list[dict[str, Any]], begun: float) -> None:
    def name(fault: dict[str, Any]) -> str:
        at = f" at {fault['written']:,} bytes" if fault["written"] else ""
        return f"{fault['victim']} in {fault['moment']['phase']}{at}" + ("" if fault["injected"] else " (missed)")

    kills = ", ".join(map(name, record["faults"]))
    minutes = (time.monotonic() - begun) / 60
    head = f"[{minutes:5.1f} min, {_injected(known)} kills] life {record['life']} ({record['variant']})"
    print(f"{head}, {record['seconds']:.0f} s: {kills}", flush=True)
    for fault in record["faults"]:
        for kind in FINDINGS:
            if fault[kind]:
                print(f"    {name(fault)}: {kind}: {str(fault[kind])[:600]}", flush=True)
    if record["ended"]:
        print(f"    the life did not come to its end: {record['ended']}", flush=True)


def _report(records: list[dict[str, Any]]) -> int:
    by_phase = tally(records, "phase")
    print(f"\n{render(by_phase, 'phase')}\n\n{render(tally(records, 'victim'), 'victim')}\n")
    sums = {name.replace(" ", "_"): count for name, count in total(by_phase).items()}
    sums |= {
        "lives": len(records),
        "lives_not_ended": sum(bool(record["ended"]) for record in records),
        "starts": sum(record["starts"] for record in records),
        "figures_compared": sum(record["figures_compared"] for record in records),
        "helper_processes": sum(record["helpers"] for record in records),
    }
    print(json.dumps(sums))
    return 0 if sums["injected"] == sums["survived"] and not sums["lives_not_ended"] else 1


if __name__ == "__main__":
    sys.exit(main())
