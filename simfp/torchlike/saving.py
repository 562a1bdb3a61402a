"""`save` and `load`: nested dicts, lists, numbers and tensors in a file, without pickle.

The file is a zip: `structure.json` says what there is, and each array lies beside it as a .npy of integers (the codes
of its format) or of float32. To load one runs nothing that the file brings. It is written whole or not at all.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import whole_files
from simfp.arrays import Array, array
from simfp.autograd.tensor import Tensor, holding
from simfp.bits import codes_of, decode
from simfp.devices import Device, as_device
from simfp.formats import NAMED_FORMATS, STORAGE_DTYPES, Format
from simfp.integers import INTEGER_TYPES, IntegerType
from simfp.nn.parameter import Parameter
from simfp.nn.state_array import StateArray

__all__ = ["load", "save"]

VERSION = 1
STRUCTURE = "structure.json"
KEPT = (
    "None, truth values, numbers, strings, lists, tuples, dicts, sets, Tensors, Arrays, NumPy arrays, dtypes and "
    "devices"
)
ML_DTYPES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}
NUMPY_KINDS = "biuf"


def save(obj: Any, f: Any) -> None:
    """Writes an object to a file, from which `load` makes it again.

    obj: nested dicts, lists, tuples and sets of numbers, strings, None, Tensors, Parameters, Arrays and NumPy arrays
    of every format, dtypes and devices: all that `state_dict()` of models, optimizers, schedules and scalers holds,
    and `get_rng_state()`. What is there twice is one object after loading, too.
    f: a path, or a file open for writing bytes.

    Raises TypeError naming the place of what cannot be kept; then, as with any error, nothing is written.
    """
    content = _Writer().written(obj)
    if hasattr(f, "write"):
        f.write(content)
    else:
        whole_files.write(Path(f), content)


def load(f: Any, map_location: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None) -> Any:
    """What `save` wrote.

    f: a path, or a file open for reading bytes.
    map_location: a device, or what torch takes in its place; there is but one. weights_only, mmap: nothing depends on
    them: a file brings no code, whatever is asked.

    Raises FileNotFoundError, and ValueError for a file that is damaged, of a later version, or not of `save`'s making.
    """
    if isinstance(map_location, (str, Device, int)):
        as_device(map_location)
    name = getattr(f, "name", "the file") if hasattr(f, "read") else str(f)
    content = f.read() if hasattr(f, "read") else Path(f).read_bytes()
    return _Reader(name, content).read()


class _Writer:
    """One object on its way into a file."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self.known: dict[int, int] = {}  # id of a Tensor or an array -> where it is among `objects`
        self.objects: list[dict[str, Any]] = []
        self.kept: list[Any] = []  # so that no id is given out again
        self.open: set[int] = set()  # containers that are being written

    def written(self, obj: Any) -> bytes:
        """The file's content."""
        tree = self.tree(obj, "obj")
        structure = {"simfp.torchlike.save": VERSION, "content": tree, "objects": self.objects}
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.writestr(STRUCTURE, json.dumps(structure, allow_nan=False))
            for place, values in enumerate(self.arrays):
                npy = io.BytesIO()
                np.lib.format.write_array(npy, np.ascontiguousarray(values).reshape(values.shape), allow_pickle=False)
                file.writestr(f"{place}.npy", npy.getvalue())
        return out.getvalue()

    def tree(self, x: Any, path: str) -> Any:
        """`x` as JSON; dicts of one key, but for what JSON has itself."""
        kind = type(x)
        if x is None or kind in (bool, int, str):
            return x
        if kind is float:
            return {"float": x.hex()}
        if kind in (list, tuple, dict, OrderedDict, set, frozenset) or _is_size(x):
            return self.container(x, path)
        if isinstance(x, (Tensor, Array, np.ndarray)):
            return {"object": self.place_of(x, path)}
        if isinstance(x, np.generic):
            return {"scalar": self.stored(np.asarray(x), path)}
        if isinstance(x, Format):
            return {"format": _described(x)}
        if isinstance(x, IntegerType):
            return {"integers": x.name}
        if isinstance(x, Device):
            return {"device": str(x)}
        module = hasattr(x, "state_dict")
        hint = "; save its state_dict()" if module else f"; what can be kept: {KEPT}"
        raise TypeError(f"{path}: a {kind.__name__} cannot be saved{hint}")

    def container(self, x: Any, path: str) -> Any:
        """A list, tuple, dict or set."""
        if id(x) in self.open:
            raise TypeError(f"{path} contains itself, which cannot be saved")
        self.open.add(id(x))
        try:
            if isinstance(x, dict):
                rows = [[self.tree(k, f"a key of {path}"), self.tree(v, f"{path}[{k!r}]")] for k, v in x.items()]
                return {"ordered" if isinstance(x, OrderedDict) else "dict": rows}
            parts = [self.tree(each, f"{path}[{place}]") for place, each in enumerate(x)]
        finally:
            self.open.discard(id(x))
        return {"list": parts} if isinstance(x, list) else {_container_name(x): parts}

    def place_of(self, x: Any, path: str) -> int:
        """Where a Tensor or an array is among the objects, each written once."""
        if id(x) not in self.known:
            if isinstance(x, Tensor):
                row = {"tensor": self.stored(x._data, path), "requires_grad": x.requires_grad}
                row |= {"parameter": True} if isinstance(x, Parameter) else {}
            else:
                row = {"values": self.stored(x, path)} | ({"state": True} if isinstance(x, StateArray) else {})
            self.known[id(x)] = len(self.objects)
            self.objects.append(row)
            self.kept.append(x)
        return self.known[id(x)]

    def stored(self, x: Any, path: str) -> dict[str, Any]:
        """How an array is kept: where its numbers are, and what they mean."""
        meaning: dict[str, Any]
        if isinstance(x, Array):
            meaning = {"array": _described(x.dtype)}
            numbers = x._values if x._values.dtype == np.float32 and x.dtype.name == "float32" else self.codes(x, path)
        elif x.dtype in ML_DTYPES and x.dtype.kind not in NUMPY_KINDS:
            meaning = {"ml_dtypes": ML_DTYPES[x.dtype]}
            numbers = np.ascontiguousarray(x).view(f"u{x.dtype.itemsize}").reshape(x.shape)
        elif x.dtype.kind in NUMPY_KINDS:
            meaning, numbers = {}, x
        else:
            raise TypeError(f"{path}: a NumPy array of {x.dtype} cannot be saved")
        self.arrays.append(numbers)
        return meaning | {"at": len(self.arrays) - 1}

    def codes(self, x: Array, path: str) -> NDArray[Any]:
        """The codes of an Array's values."""
        try:
            return codes_of(x._values, x.dtype)
        except ValueError as error:
            raise TypeError(f"{path}: {error}") from error


class _Reader:
    """A file on its way to becoming an object."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content

    def read(self) -> Any:
        """The object.

        Raises ValueError for content that `save` did not write.
        """
        if not self.content.startswith(b"PK"):
            pickled = self.content[:1] == b"\x80"
            raise ValueError(f"{self.name} is not a file of simfp.torchlike.save{PICKLED if pickled else ''}")
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as file:
                names = file.namelist()
                if STRUCTURE not in names:
                    pickled = any(each.endswith("data.pkl") for each in names)
                    raise _Foreign(f"{self.name} is not a file of simfp.torchlike.save{PICKLED if pickled else ''}")
                structure = json.loads(file.read(STRUCTURE))
                version = structure["simfp.torchlike.save"]
                if type(version) is int and version > VERSION:
                    raise _Foreign(f"{self.name} is of version {version}; this simfp reads version {VERSION}")
                if version != VERSION:
                    raise ValueError(f"version {version!r}")
                self.file, self.built = file, []
                self.built = [self.object(row) for row in structure["objects"]]
                return self.tree(structure["content"])
        except _Foreign:
            raise
        except DAMAGE as error:
            raise ValueError(f"{self.name} is damaged: {type(error).__name__}: {error}") from error

    def tree(self, x: Any) -> Any:
        """What `_Writer.tree` was given."""
        if not isinstance(x, dict):
            if isinstance(x, (list, float)):
                raise ValueError(f"unexpected {x!r}")
            return x
        ((kind, content),) = x.items()
        ways: dict[str, Callable[[], Any]] = {
            "float": lambda: float.fromhex(content),
            "list": lambda: [self.tree(each) for each in content],
            "tuple": lambda: tuple(self.tree(each) for each in content),
            "set": lambda: {self.tree(each) for each in content},
            "frozenset": lambda: frozenset(self.tree(each) for each in content),
            "dict": lambda: {self.tree(key): self.tree(value) for key, value in content},
            "ordered": lambda: OrderedDict((self.tree(key), self.tree(value)) for key, value in content),
            "object": lambda: self.built[_place(content)],
            "scalar": lambda: self.values(content)[()],
            "format": lambda: _format(content),
            "integers": lambda: INTEGER_TYPES[content],
            "device": lambda: Device(content),
        }
        return ways[kind]()

    def object(self, row: dict[str, Any]) -> Any:
        """A Tensor or an array."""
        if "values" in row:
            values = self.values(row["values"])
            return values.view(StateArray) if row.get("state") is True else values
        made, wanted = holding(self.values(row["tensor"])), row["requires_grad"]
        if type(wanted) is not bool:
            raise ValueError(f"requires_grad={wanted!r}")
        return Parameter(made, wanted) if row.get("parameter") else made.requires_grad_(wanted)

    def values(self, stored: dict[str, Any]) -> Any:
        """An Array, or a NumPy or ml_dtypes array."""
        npy = io.BytesIO(self.file.read(f"{_place(stored['at'])}.npy"))
        numbers = np.lib.format.read_array(npy, allow_pickle=False)
        if numbers.dtype.kind not in NUMPY_KINDS or npy.read(1):
            raise ValueError(f"unexpected array of {numbers.dtype}")
        if "array" in stored:
            fmt = _format(stored["array"])
            if numbers.dtype == np.float32 and fmt.name == "float32":
                return array(numbers, fmt)
            return array(decode(numbers, fmt), fmt)
        if "ml_dtypes" in stored:
            return numbers.view(STORAGE_DTYPES[stored["ml_dtypes"]])
        return numbers


class _Foreign(ValueError):
    """A file that is whole, but not one that `load` reads."""


PICKLED = (
    ": it is a pickle, as torch.save writes them, and a pickle can run any code, so none is loaded here. torch reads "
    "it: model.load_state_dict(torch.load(path, weights_only=True)) gives torch's tensors to a model of simfp's"
)
DAMAGE = (
    zipfile.BadZipFile, zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError,
    NotImplementedError, RuntimeError, RecursionError, OverflowError, MemoryError, OSError,
)  # fmt: skip


def _is_size(x: Any) -> bool:
    return isinstance(x, tuple) and type(x).__name__ == "Size"


def _container_name(x: Any) -> str:
    return "tuple" if isinstance(x, tuple) else type(x).__name__


def _place(x: Any) -> int:
    if type(x) is not int or x < 0:
        raise ValueError(f"no place is {x!r}")
    return x


def _described(fmt: Format) -> Any:
    """A format as JSON: the name of a named one, the fields of another."""
    if NAMED_FORMATS.get(fmt.name) == fmt:
        return fmt.name
    return {field.name: getattr(fmt, field.name) for field in fields(fmt) if field.init}


def _format(described: Any) -> Format:
    return NAMED_FORMATS[described] if isinstance(described, str) else Format(**described)
