"""StateArray: what a state_dict holds, a NumPy array that has the methods of tensors, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simfp.autograd import Tensor, tensor

__all__ = ["StateArray"]


class StateArray(np.ndarray[Any, Any]):
    """A NumPy array, of ml_dtypes' types too; a method that NumPy has not is the Tensor's: ``clone()``, ``cpu()``.

    Those that end in an underscore change the array, as they do a tensor; the others give a Tensor of its own memory.
    What NumPy has is NumPy's: `size`, `dtype`, `mean`.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        x = tensor(np.asarray(self))
        found = getattr(x, name)
        return self._in_place(x, found) if name.endswith("_") else found

    def _in_place(self, x: Tensor, method: Callable[..., Any]) -> Callable[..., StateArray]:
        def changed(*args: Any, **options: Any) -> StateArray:
            method(*args, **options)
            self[...] = x.numpy()
            return self

        return changed

    def __repr__(self) -> str:
        return repr(np.asarray(self))
