"""A module's state as a dict, under torch's keys: NumPy and ml_dtypes arrays out; these and torch's tensors in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array
from simfp.autograd import Tensor, no_grad
from simfp.formats import Format
from simfp.nn.state_array import StateArray
from simfp.saved_arrays import from_bytes

if TYPE_CHECKING:
    from simfp.nn.module import Module

__all__ = ["IncompatibleKeys", "load", "save"]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` missed, and what it did not expect."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def save(module: Module, prefix: str = "", themselves: bool = False) -> dict[str, Any]:
    """Every parameter and persistent buffer by its full name, as a copy, or as itself."""
    if themselves:
        return dict(_owned(module, prefix))
    state: dict[str, NDArray[Any]] = {}
    for name, own in _owned(module, prefix):
        state[name] = (own.detach().numpy() if isinstance(own, Tensor) else own).copy().view(StateArray)
    return state


def load(
    module: Module, state: Mapping[str, Any], strict: bool = True, assign: bool = False
) -> IncompatibleKeys:  # fmt: skip
    """Brings values into the module's parameters and buffers, each rounded to the format it has there.

    assign: each takes the format of what is loaded.

    Raises RuntimeError, with torch's words, where shapes differ or, if `strict`, keys do; unlike torch then leaves
    the module as it was. TypeError for what is no dict.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    owned = dict(_owned(module))
    errors, arrays = [], {}
    for name, own in owned.items():
        if name not in state:
            continue
        try:
            given = _read(state[name], own)
        except TypeError:
            errors.append(
                f'While copying the parameter named "{name}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(state[name])}"
            )
            continue
        except ValueError as error:
            errors.append(f'While copying the parameter named "{name}": {error}')
            continue
        if own.shape == () and given.shape == (1,):  # as torch before 0.4 kept numbers
            given = given[0]
        if given.shape != own.shape:
            errors.append(
                f"size mismatch for {name}: copying a param with shape {_size(given.shape)} from checkpoint, "
                f"the shape in current model is {_size(own.shape)}."
            )
            continue
        # all is converted before anything is assigned
        fmt = None if assign else own.dtype
        arrays[name] = Tensor(given, dtype=fmt) if isinstance(own, Tensor) else np.asarray(given).astype(own.dtype)
    found = IncompatibleKeys(
        [name for name in owned if name not in state], [name for name in state if name not in owned]
    )
    for what, names in (("Unexpected", found.unexpected_keys), ("Missing", found.missing_keys)):
        if strict and names:
            listed = ", ".join(f'"{name}"' for name in names)
            errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
    if errors:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(type(module).__name__, "\n\t".join(errors))
        )
    for name, given in arrays.items():
        own = owned[name]
        if isinstance(own, Tensor):
            if assign:
                own.grad, own.data = None, given.data
                continue
            with no_grad():
                own.copy_(given)
        else:
            own[...] = given
    return found


def _owned(module: Module, prefix: str = "") -> list[tuple[str, Any]]:
    """Parameters and persistent buffers in torch's order: each module's own, then its children's; shared ones again."""
    listed = [(prefix + name, p) for name, p in module._parameters.items() if p is not None]
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._transient:
            listed.append((prefix + name, buffer))
    for name, child in module._modules.items():
        if child is not None:
            listed += _owned(child, f"{prefix}{name}.")
    return listed


def _read(x: Any, own: Any) -> Any:
    """A Tensor, an Array, a NumPy array or a torch tensor as an Array or a NumPy array; TypeError for anything else.

    `np.load` knows no formats of ml_dtypes and gives their bytes: these are read in the format of `own`, if it is one
    that is saved in so many.

    Raises ValueError for bytes of any other, and for values that are no numbers.
    """
    if isinstance(x, Tensor):
        x = x.data
    if isinstance(x, Array):
        return x
    if (
        not isinstance(x, np.ndarray) and hasattr(x, "detach") and hasattr(x, "cpu")
    ):  # torch's; double() because NumPy knows no bfloat16, and it is exact
        x = x.detach().cpu()
        return (x.double() if x.is_floating_point() else x).numpy()
    if not isinstance(x, (np.ndarray, np.generic)):
        raise TypeError
    if x.dtype.type is np.void:
        return from_bytes(np.asarray(x), own.dtype)
    whole = isinstance(own.dtype, Format) or x.dtype.kind in "iub"
    if x.dtype.kind not in "fViub" or not (whole or (np.isfinite(x) & (np.trunc(x) == x)).all()):
        raise ValueError(f"an array of {x.dtype} does not fit one of {own.dtype}")
    return x


def _size(shape: tuple[int, ...]) -> str:
    return f"torch.Size({list(shape)})"
