"""What the learner has done so far: one small JSON file, which belongs to the learner.

It lies beside the lessons, or where the environment variable SIMFP_PROGRESS points. It is written whole or
not at all; one that cannot be read is kept aside under another name. Nothing in it leaves the machine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from simfp import lessons_folder, whole_files

__all__ = ["entry", "forget", "path", "read", "update"]

VERSION = 1
SECTIONS = ("bets", "exercises")
FIELDS: dict[str, Any] = {"bet": (str, int, float), "settled": bool, "tries": int, "passed": bool, "hints": int}
MOST = 1 << 53  # tries, and hints


def path() -> Path:
    """Where progress is kept."""
    chosen = os.environ.get("SIMFP_PROGRESS")
    return Path(chosen).expanduser() if chosen else (lessons_folder.lessons() or Path.cwd()) / "progress.json"


def read() -> dict[str, Any]:
    """All that is kept: for each of SECTIONS, a dict from id to what is known about it.

    A file that cannot be understood is renamed and reported, and an empty one begun.
    """
    empty: dict[str, Any] = {"version": VERSION, **{section: {} for section in SECTIONS}}
    file = path()
    try:
        kept = whole_files.read_json(file)
    except FileNotFoundError:
        return empty
    except ValueError as error:
        _set_aside(file, str(error.__cause__))
        return empty
    except OSError as error:
        print(f"Your progress in {file} cannot be read ({error.strerror}); this cell goes on without it.")
        return empty
    complaint = _complaint(kept)
    if complaint:
        _set_aside(file, complaint)
        return empty
    return {**empty, **kept}


def entry(section: str, key: str) -> dict[str, Any]:
    """What is kept under `key`, empty if nothing is."""
    found: dict[str, Any] = read()[section].get(key, {})
    return found


def update(section: str, key: str, **changes: Any) -> None:
    """Keeps `changes` under `key`, beside what was there."""
    kept = read()
    kept[section][key] = {**kept[section].get(key, {}), **changes}
    _write(kept)


def forget(*keys: str) -> None:
    """Forgets the bets and exercises called `keys` ("03.1"), or those of a lesson ("03"); all if none is named."""
    kept = read()
    for section in SECTIONS:
        kept[section] = {
            key: value
            for key, value in kept[section].items()
            if keys and not any(key == name or key.startswith(f"{name}.") for name in keys)
        }
    _write(kept)


def _complaint(kept: Any) -> str:
    """What is wrong with the content of a progress file; empty if nothing is."""
    if not isinstance(kept, dict) or kept.get("version") != VERSION:
        return f"it is no progress file of version {VERSION}"
    for section in SECTIONS:
        rows = kept.get(section, {})
        if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
            return f"its part {section!r} is no table"
        for key, row in rows.items():
            for field, kinds in FIELDS.items():
                if field in row and not isinstance(row[field], kinds):
                    return f"{key} in its part {section!r} has {field!r}: {row[field]!r:.40}"
                if isinstance(row.get(field), int) and not 0 <= row[field] < MOST and field != "bet":
                    return f"{key} in its part {section!r} has {field!r}: {row[field]!r:.40}"
    return ""


def _set_aside(file: Path, complaint: str) -> None:
    """Renames a file that cannot be understood, to a name not yet taken, and says so."""
    number = 1
    while (aside := file.with_name(f"{file.stem}.damaged-{number}{file.suffix}")).exists():
        number += 1
    try:
        file.rename(aside)
    except OSError as error:
        print(f"Your progress in {file} cannot be understood ({complaint}) nor renamed ({error.strerror}).")
    else:
        print(
            f"Your progress in {file} cannot be understood ({complaint}). It is kept as {aside.name}; a new one begins."
        )


def _write(kept: dict[str, Any]) -> None:
    """The whole file or nothing: a new one beside it takes its place."""
    file = path()
    text = json.dumps(kept, indent=1, sort_keys=True) + "\n"  # in ASCII: JSON may hold what UTF-8 cannot
    try:
        whole_files.write(file, text)
    except OSError as error:
        print(
            f"Your progress could not be written to {file} ({error.strerror}); set SIMFP_PROGRESS to a file that can."
        )
