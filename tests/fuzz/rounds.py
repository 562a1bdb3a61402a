"""Rounds of fuzzing: every property, on new examples, until the time is over.

In a module of its own, since processes that are started anew import it by its name.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import time
import traceback
import warnings
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests import fuzz
from tests.fuzz.properties import PROPERTIES, Property

FOLDER = Path(".fuzz")


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
