"""Files that are written whole or not at all, and read so: whoever reads one finds the old content or the new.

No file is trusted: one that is damaged, or holds something else, is refused by its name. No pickle is loaded.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_arrays", "read_json", "write", "write_arrays"]


def write(path: Path, content: str | bytes) -> None:
    """Writes a file, text in UTF-8, and the folders above it where there are none.

    Raises OSError where it cannot be written; then what was there is there still, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_arrays(path: Path, **arrays: Any) -> None:
    """Writes a compressed .npz of arrays, and raises as `write` does."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an .npz by their names.

    Raises ValueError for a file that is damaged, that is no .npz, or that holds objects; OSError where it cannot be
    opened.
    """
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
            if strange:  # NumPy gives the bytes of a member that is none
                raise ValueError(f"{strange[0]!r} is no array")
            return arrays
        except Exception as error:  # a damaged file makes zipfile, zlib and NumPy raise a dozen kinds
            raise ValueError(f"{path} holds no arrays: it is damaged, or no .npz ({_told(error)})") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises ValueError for a file that is damaged, OSError where it cannot be read.
    """
    content = path.read_bytes()
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:  # the second: thousands of brackets
        raise ValueError(f"{path} is damaged, or no JSON ({_told(error)})") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
