"""Tensor: an Array, or integers, and how it was made."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simfp import observe
from simfp.array_text import integers_text
from simfp.arrays import Array, array, owned
from simfp.autograd.graph import Node, Version, backpropagate
from simfp.devices import THE_DEVICE, Device, DeviceLike, as_device
from simfp.integers import IntegerType, as_dtype, as_integers, type_of
from simfp.typing import DTypeLike

if TYPE_CHECKING:
    from simfp.autograd.methods import TensorMethods
    from simfp.autograd.views import View
else:
    TensorMethods = object  # the methods are entered when the operations are there, which need this class

__all__ = ["Tensor", "TensorLike", "as_tensor", "holding"]


class Tensor(TensorMethods):
    """An array of values of one format that remembers how it was made, so that gradients find their way back.

    data: an Array, a NumPy array, numbers or nested lists of them; an Array is taken as it is, all else is copied.
    dtype: a Format, a type of integers, or whatever `as_dtype` takes; if not given, that of `data`, and float32 for
    Python's numbers and NumPy's integers (as torch.Tensor; `tensor` makes integers of integers).
    device: any that `as_device` takes; there is but one.

    Names and behaviour are torch's; `data` and `grad` are Arrays. Integers and truth values have no gradient, and their
    `data` is a Tensor.

    Raises RuntimeError where a gradient is asked for of integers.
    """

    __slots__ = (
        "__weakref__", "_counter", "_data", "_grad", "_grad_fn", "_requires_grad", "_view", "after", "hooks",
        "retains_grad",
    )  # fmt: skip

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
    ) -> None:
        as_device(device)
        self._counter: Version = data._counter if isinstance(data, Tensor) and dtype is None else Version()
        self._data: Any = _held(data, dtype)
        if requires_grad and not isinstance(self._data, Array):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        self._grad: Array | None = None
        self._requires_grad = bool(requires_grad)
        self._grad_fn: Node | None = None
        self._view: View | None = None
        self.retains_grad = False
        self.hooks: dict[int, Callable[[Array], Array]] | None = None  # of a leaf, called with its gradient
        self.after: dict[int, Callable[[Tensor], Any]] | None = None  # called when that has been added

    # What it is.

    @property
    def data(self) -> Any:
        """The values as an Array; those of integers as a Tensor over the same memory. What is assigned takes their
        place; nothing is recorded."""
        data = self._data
        return data if isinstance(data, Array) else holding(data)

    @data.setter
    def data(self, x: Any) -> None:
        self._data = x if isinstance(x, Array) else x._data if isinstance(x, Tensor) else _held(x, self.dtype)

    @property
    def grad(self) -> Array | None:
        """The gradient that `backward` gathered, in the shape and format of the tensor; None if there is none."""
        return self._grad

    @grad.setter
    def grad(self, g: Any) -> None:
        if g is not None:
            g = g._data if isinstance(g, Tensor) else g if isinstance(g, Array) else array(g, self.dtype)
            if g.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {list(g.shape)}, not {list(self.shape)}"
                )
            if g.dtype != self.dtype:
                raise RuntimeError(f"assigned grad has data of a different type: {g.dtype}, not {self.dtype}")
        self._grad = g

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted: of a leaf as it was asked for, else if that of any input was."""
        if self._view is not None:
            self._view.follow(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and not isinstance(self._data, Array):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if self.grad_fn is not None and not wanted:
            raise RuntimeError("you can only change requires_grad flags of leaf variables.")
        self._requires_grad = bool(wanted)

    @property
    def grad_fn(self) -> Node | None:
        """The step of the graph that gradients of this tensor go to; None of a leaf."""
        if self._view is not None:
            self._view.follow(self)
        return self._grad_fn

    @property
    def _version(self) -> int:
        """How often its values were changed in place; views and what was detached count together, `data` does not."""
        return self._counter.number

    def count_change(self) -> None:
        """Says that the values were changed in place, to every graph that needs them as they were."""
        self._counter.number += 1

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self.grad_fn is None

    @property
    def dtype(self) -> Any:
        """The Format, or the IntegerType."""
        return self._data.dtype if isinstance(self._data, Array) else type_of(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(self._data.shape)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self._data.ndim)

    @property
    def itemsize(self) -> int:
        """How many bytes a value takes in its format or type."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """How many bytes all values take in their format or type."""
        return self.itemsize * self.numel()

    @property
    def device(self) -> Device:
        """The one device."""
        return THE_DEVICE

    @property
    def is_cuda(self) -> bool:
        """True: the one device is cuda:0."""
        return True

    @property
    def is_cpu(self) -> bool:
        """False."""
        return False

    @property
    def T(self) -> Tensor:
        """The axes in the opposite order."""
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return self.transpose(-2, -1)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """How many axes there are."""
        return self.ndim

    def numel(self) -> int:
        """How many values there are."""
        return int(self._data.size)

    def item(self) -> Any:
        """The only value, as a Python float (int, bool).

        Raises RuntimeError where there are several.
        """
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def numpy(self) -> NDArray[Any]:
        """The values as a NumPy or ml_dtypes array.

        Raises RuntimeError for a tensor that requires a gradient, as torch does: detach it first.
        """
        if self._requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data.to_numpy() if isinstance(self._data, Array) else self._data

    def tolist(self) -> Any:
        """The values as nested lists of Python floats (ints, bools)."""
        return self._data.tolist()

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        if self._data.size != 1:
            what = "more than one value" if self._data.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._data.item())

    def __repr__(self) -> str:
        if not isinstance(self._data, Array):
            return integers_text(self._data)
        text = repr(self._data).replace("Array(", "tensor(", 1)
        how = f", grad_fn={self.grad_fn!r}" if self.grad_fn else ", requires_grad=True" if self._requires_grad else ""
        return text[:-1] + how + ")"

    # Gradients.

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Adds the gradient of this tensor with respect to every leaf that it was made of to that leaf's `grad`.

        gradient: what comes from above, in the shape of the tensor; 1 if not given, which only one value allows.
        retain_graph: keep what the forward saved, so that `backward` can be called once more.

        Raises RuntimeError for a tensor without a graph, more than one value without `gradient`, and a second time;
        NotImplementedError for `create_graph`.
        """
        if create_graph:
            raise NotImplementedError(
                "create_graph=True: gradients of gradients, as a gradient penalty needs them, are not computed here"
            )
        if not self.requires_grad:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            if self._data.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            gradient = np.ones(self.shape)
        given = gradient._data if isinstance(gradient, Tensor) else gradient
        g = owned(given._values, given.dtype) if isinstance(given, Array) else array(given, self.dtype)
        if g.shape != self.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {g.shape} and output[0] has a shape of {self.shape}."
            )
        backpropagate(self.grad_fn or self, g if g.dtype == self.dtype else g.astype(self.dtype), bool(retain_graph))

    def accumulate_grad(self, g: Array) -> None:
        """Adds `g` to the gradient in place, rounded to the tensor's format; the first one is taken as it is."""
        for hook in list((self.hooks or {}).values()):
            g = hook(g)
        if self._grad is None:
            self._grad = g.copy() if self.hooks else g  # a hook may have kept it
        else:
            with observe.running("accumulate", (self._grad, g)):
                total = self._grad + g
            if self._grad._values.flags.writeable:
                self._grad._values[...] = total._values
            else:
                self._grad = total
        for look in list((self.after or {}).values()):
            look(self)

    def retain_grad(self) -> None:
        """Lets `backward` keep the gradient of a tensor that is no leaf."""
        if not self._requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.grad_fn is not None:
            self.retains_grad = True
            self.grad_fn.retaining = weakref.ref(self)

    def _change_history(self, made_by: Node) -> None:
        """From now on, gradients of this tensor go to another step of the graph."""
        if self.retains_grad and self._grad_fn is not None:
            self._grad_fn.retaining, made_by.retaining = None, self._grad_fn.retaining
        self._grad_fn, self._requires_grad = made_by, True

    def requires_grad_(self, wanted: bool = True) -> Tensor:
        """The tensor itself, `requires_grad` set."""
        self.requires_grad = wanted
        return self

    def detach(self) -> Tensor:
        """A tensor over the same memory, with no graph behind it."""
        return Tensor(self)


# what operations take in a Tensor's place
TensorLike: TypeAlias = Tensor | Array | NDArray[Any] | np.generic | float


def _held(data: Any, dtype: Any) -> Any:
    """What a Tensor of `data` holds: an Array, or a NumPy array of integers."""
    if isinstance(data, Tensor):
        data = data._data
        if dtype is None:
            return data
    if isinstance(data, Array) and dtype is None:
        return data
    to = None if dtype is None else as_dtype(dtype)
    if isinstance(to, IntegerType):
        return as_integers(data.values if isinstance(data, Array) else data, to)
    return array(data, to)


def holding(data: Array | NDArray[Any]) -> Tensor:
    """A Tensor over an Array, or over a NumPy array of integers or truth values, as it is."""
    made = object.__new__(Tensor)  # every operation makes one
    made._data, made._grad, made._grad_fn, made._requires_grad = data, None, None, False
    made._counter, made._view = Version(), None
    made.retains_grad, made.hooks, made.after = False, None, None
    return made


def as_tensor(x: Any, dtype: DTypeLike | None = None) -> Tensor:
    """`x` as a Tensor; itself if it is one, and in the format asked for."""
    tensor = x if isinstance(x, Tensor) else Tensor(x, dtype=dtype)
    return tensor if dtype is None else tensor.to(dtype)
