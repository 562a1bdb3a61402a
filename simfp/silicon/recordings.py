"""What a real GPU answered, recorded: JSON files in `lessons/recordings`, each held to its checksum.

A file has a "provenance" (what ran, on what, when), beside it whatever was measured, and a "sha256" over all the
rest, so that a recording that is damaged, or was edited by hand, is not taken for the GPU's.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from simfp import lessons_folder, whole_files
from simfp.silicon import product_cases
from simfp.silicon.product_cases import Recorded

__all__ = ["answers", "load", "names", "source"]

PROVENANCE = ("device", "driver", "torch", "date")  # what every recording has to say about itself


def names() -> tuple[str, ...]:
    """The recordings that there are."""
    folder = lessons_folder.lessons()
    return tuple(sorted(file.stem for file in (folder / "recordings").glob("*.json"))) if folder else ()


def load(name: str) -> dict[str, Any]:
    """The recording called `name`, with its "provenance".

    Raises ValueError where there is none of that name, where its content is not what its checksum says, and
    where it does not tell where it comes from.
    """
    folder = lessons_folder.lessons()
    if folder is None:
        raise ValueError("no recordings without the lessons beside them: open the lesson from the folder it came in")
    if name not in names():
        raise ValueError(f"no recording is called {name!r}; expected one of {', '.join(names()) or '(there are none)'}")
    file = folder / "recordings" / f"{name}.json"
    again = f"`git checkout -- {file.name}`, run in its folder, brings the original back"
    try:
        recording = whole_files.read_json(file)
    except ValueError as error:
        raise ValueError(f"the recording {file.name} is damaged: {error.__cause__}; {again}") from error
    if not isinstance(recording, dict) or recording.pop("sha256", None) != checksum(recording):
        raise ValueError(f"the recording {file.name} is damaged: it does not have its checksum; {again}")
    told = recording.get("provenance")
    missing = [key for key in PROVENANCE if not isinstance(told, dict) or not told.get(key)]
    if missing:
        raise ValueError(f"the recording {file.name} does not say where it comes from: no {', no '.join(missing)}")
    return recording


def answers(name: str) -> tuple[Recorded, ...]:
    """The matrix products in the recording called `name`, each element that the GPU answered.

    Raises ValueError as `load` does, for a recording without a file of answers, and where that file or the inputs are
    not those that were recorded.
    """
    recording = load(name)
    if "answers" not in recording:
        raise ValueError(f"the recording {name!r} has no file of answers")
    folder = lessons_folder.lessons()
    assert folder is not None  # it was loaded from there
    return tuple(product_cases.recorded(folder / "recordings" / f"{name}.npz", recording))


def checksum(recording: dict[str, Any]) -> str:
    """SHA-256 of a recording's content, in hexadecimal."""
    return hashlib.sha256(json.dumps(recording, sort_keys=True).encode()).hexdigest()


def source(recording: dict[str, Any]) -> str:
    """One line: what answered, and when."""
    told = recording["provenance"]
    return f"recorded on an {told['device']}, driver {told['driver']}, torch {told['torch']}, {told['date']}"
