"""Files that are written whole or not at all: whoever reads one, at any moment, finds the old content or the new."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write", "write_arrays"]


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
