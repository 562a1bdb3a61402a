"""Runs as files: arrays in one NPZ, everything else in it as JSON; no pickle."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from simfp import whole_files

__all__ = ["read", "write"]

KIND, VERSION = "simfp training", 1
STORED = {np.dtype(ml_dtypes.bfloat16): "bfloat16"}  # NumPy's file format does not know it: kept as its codes


def write(path: Path, state: dict[str, Any]) -> None:
    """Writes a state; a file that stands there is replaced at once when the new one is whole."""
    arrays: dict[str, Any] = {}
    plain = _parted(state, arrays)
    arrays["state"] = np.array(json.dumps({"kind": KIND, "version": VERSION, "state": plain}))
    content = io.BytesIO()
    np.savez(content, **arrays)
    whole_files.write(path, content.getvalue())


def read(path: Path) -> dict[str, Any]:
    """The state in a file.

    Raises ValueError for a file that holds none, OSError where it cannot be opened.
    """
    arrays = whole_files.read_arrays(path)
    try:
        told = json.loads(str(arrays.pop("state")))
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no training run ({type(error).__name__}: {error})") from None
    if not isinstance(told, dict) or told.get("kind") != KIND or told.get("version") != VERSION:
        raise ValueError(f"{path} holds no training run of version {VERSION}")
    try:
        state = _joined(told["state"], arrays)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no whole training run ({type(error).__name__}: {error})") from None
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds no whole training run: its state is a {type(state).__name__}")
    return state


def _parted(value: Any, arrays: dict[str, Any]) -> Any:
    """`value` as JSON has it, each array in it moved to `arrays` and named in its place."""
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        stored = STORED.get(value.dtype)
        arrays[name] = value.view(np.uint16) if stored else value
        return {"array": name, "stored": stored}
    if isinstance(value, dict):
        return {"dict": [[key, _parted(each, arrays)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [_parted(each, arrays) for each in value]}
    if isinstance(value, np.generic):
        return value.item()
    return value


def _joined(plain: Any, arrays: dict[str, Any]) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "array" in plain:
        array = arrays[plain["array"]]
        return array.view(ml_dtypes.bfloat16) if plain["stored"] else array
    if "list" in plain:
        return [_joined(each, arrays) for each in plain["list"]]
    return {key: _joined(each, arrays) for key, each in plain["dict"]}
