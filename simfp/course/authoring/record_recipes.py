"""Records lesson 11's runs: makes lessons/recordings/recipe_runs.json anew.

`python -m simfp.course.authoring.record_recipes` takes some minutes. The file is written when all runs are over, whole
or not at all.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simfp import lessons_folder, whole_files
from simfp.experiments.training import recipe_runs
from simfp.experiments.training.recipe_runs import COMPARED, EVERY, SEEDS, SITUATIONS
from simfp.silicon import recordings

__all__ = ["NAME", "record"]

NAME = "recipe_runs"


def record() -> dict[str, Any]:
    """The recording, with its provenance and without its checksum."""
    count = len(SITUATIONS) * len(SEEDS) * len(COMPARED)
    rows: list[dict[str, Any]] = []
    for row in recipe_runs.runs():
        rows.append(row)
        accuracy = "diverged" if row["accuracy"] is None else f"{row['accuracy']:.1%}"
        told = f"{row['situation']}, {row['recipe']}, seed {row['seed']}: {accuracy}"
        print(f"{len(rows):3} of {count}: {told}", flush=True)
    return {
        "what": "a perceptron on digits, trained under six recipes from five seeds in three situations",
        "settings": {name: {"what": each.what, **each.settings} for name, each in SITUATIONS.items()},
        "every": EVERY,
        "runs": rows,
        "provenance": {
            "device": "no device: simulated by simfp, with products and functions as an H100 computes them",
            "driver": "none",
            "torch": "none",
            "numpy": np.__version__,
            "processor": platform.machine(),
            "date": datetime.now(UTC).date().isoformat(),
            "script": "python -m simfp.course.authoring.record_recipes",
        },
    }


def write(path: Path, recording: dict[str, Any]) -> None:
    """The whole file with its checksum, or nothing."""
    text = json.dumps(recording | {"sha256": recordings.checksum(recording)}, indent=1) + "\n"
    whole_files.write(path, text)


def main() -> int:
    """Makes all runs and writes them."""
    folder = lessons_folder.lessons()
    if folder is None:
        print("the lessons are not here", file=sys.stderr)
        return 1
    path = folder / "recordings" / f"{NAME}.json"
    write(path, record())
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
