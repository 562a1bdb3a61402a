"""`python -m tests.fuzz`: tries every property on new examples, round after round, for as long as it is told.

Each round has a seed of its own, which is printed: `--seed N` begins with that round again. What fails is shrunk, told
and kept in the folder `.fuzz`: its report, and the example, which is the first to be tried the next time.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import pkgutil
import secrets
import sys
import time
import traceback
import warnings
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from simfp.commands import typed
from tests import fuzz
from tests.fuzz.properties import PROPERTIES, Property

FOLDER = Path(".fuzz")
EXAMPLES = 1000  # of one property in one round, at most


def main(arguments: list[str] | None = None) -> int:
    """Runs the properties; 1 where one did not hold."""
    parser = argparse.ArgumentParser(prog=typed("tests.fuzz"), description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (10)")
    parser.add_argument("--processes", type=int, default=1, help="how many side by side (1)")
    parser.add_argument("--seed", type=int, help="that of the first round; else one that nobody knows")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"of a property in a round ({EXAMPLES})")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="modules or properties, or parts of names"
    )
    parser.add_argument("--list", action="store_true", help="name the properties, and run none")
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.processes < 1 or options.examples < 1:
        parser.error("--minutes, --processes and --examples must be positive")
    load()
    names = [name for name in PROPERTIES if not options.only or any(part in name for part in options.only)]
    if not names:
        parser.error(f"no property is called {', '.join(options.only)}; --list names them")
    if options.list:
        print("\n".join(names))
        return 0
    first = secrets.randbelow(2**32) if options.seed is None else options.seed
    until = time.monotonic() + 60 * options.minutes
    jobs = [(names, first + 10**6 * i, until, options.examples) for i in range(options.processes)]
    try:
        if options.processes == 1:
            failed = rounds(*jobs[0])
        else:
            with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
                failed = sum(pool.starmap(rounds, jobs))
    except KeyboardInterrupt:
        print("stopped; what has failed so far is told above", flush=True)
        return 130
    print(f"{failed} failures; {FOLDER}/ has them" if failed else "every property held", flush=True)
    return 1 if failed else 0


def load() -> None:
    """Imports the modules with properties."""
    for module in sorted(each.name for each in pkgutil.iter_modules(fuzz.__path__) if each.name.startswith("test_")):
        importlib.import_module(f"tests.fuzz.{module}")


def rounds(names: list[str], seed: int, until: float, examples: int) -> int:
    """Rounds of every property until the time is over (at least one); how many properties have failed."""
    load()
    warnings.simplefilter("error")  # as in the tests
    failed: set[str] = set()
    begun, tried = time.monotonic(), 0
    while True:
        for name in names:
            if name in failed:
                continue  # it would be found again and again
            count, told = attempt(name, PROPERTIES[name], seed, examples)
            tried += count
            if told:
                failed.add(name)
                print(f"FAILED {name}, seed {seed}\n{told}", flush=True)
                FOLDER.mkdir(exist_ok=True)
                (FOLDER / f"{name.replace('::', '-')}-{seed}.txt").write_text(told, encoding="utf-8")
            if time.monotonic() > until:
                break
        minutes = (time.monotonic() - begun) / 60
        print(f"{minutes:7.1f} min  process {os.getpid()}  seed {seed}  {tried:,} examples  {len(failed)} failed",
              flush=True)  # fmt: skip
        if time.monotonic() > until or len(failed) == len(names):
            return len(failed)
        seed += 1


def attempt(name: str, wanted: Property, seed: int, examples: int) -> tuple[int, str]:
    """How many examples of one property were tried, and what was wrong; empty if it held."""
    tried = 0

    def counted(**drawn: object) -> None:
        nonlocal tried
        tried += 1
        wanted.holds(**drawn)

    counted.__name__ = counted.__qualname__ = wanted.holds.__name__
    counted.__module__ = wanted.holds.__module__
    many = settings(
        max_examples=min(examples, 20 * wanted.examples),
        deadline=None,
        database=DirectoryBasedExampleDatabase(FOLDER / "examples" / name.replace("::", "-")),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    try:
        hypothesis.seed(seed)(many(given(**wanted.strategies)(counted)))()
    except (Exception, pytest.fail.Exception):  # the second, of `pytest.raises`, is no Exception
        return tried, traceback.format_exc()
    return tried, ""


if __name__ == "__main__":
    sys.exit(main())
