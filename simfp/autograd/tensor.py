"""Tensor: an Array, or integers, and how it was made."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simfp import observe, precision
from simfp.array_text import integers_text
from simfp.arrays import Array, array, owned
from simfp.autograd.graph import Leaf, Node, Version, backpropagate, is_grad_enabled, set_grad_enabled
from simfp.devices import as_device
from simfp.elementwise import FLOAT32
from simfp.formats import Format
from simfp.integers import IntegerType, as_dtype, as_integers, type_of
from simfp.ops import OPERATIONS, Call, Operation, Saved
from simfp.ops.integers import of_integers

__all__ = ["Tensor", "apply", "as_tensor", "brought_through", "edges_of", "holding"]


class Tensor:
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
    __array_ufunc__: Any = None  # NumPy leaves `ndarray + tensor` to the tensor; `ufuncs` enters how

    if TYPE_CHECKING:  # `functions` and `shaping` enter these, and many more methods
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __pow__: Any
        __neg__: Any
        __matmul__: Any
        __getitem__: Any
        __setitem__: Any

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, data: Any, requires_grad: bool = False, *, dtype: Any = None, device: Any = None) -> None:
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

    def __float__(self) -> float:
        return float(self.item())

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


def as_tensor(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a Tensor; itself if it is one, and in the format asked for."""
    tensor = x if isinstance(x, Tensor) else Tensor(x, dtype=dtype)
    return tensor if dtype is None else tensor.to(dtype)


def apply(operation: Operation, *inputs: Any, **options: Any) -> Tensor:
    """The result of an operation, under the rules of autocast; with a graph behind it, if any input requires one.

    inputs: Tensors, Arrays, NumPy arrays of floats, and whatever else the operation's forward takes by position.
    """
    given = tuple([_value(x) for x in inputs])
    first = given[0] if given else None
    if not isinstance(first, (Tensor, Array)) and _of_integers_alone(given):
        made, given = of_integers(operation.name, given, options)
        if made is not None:
            out = holding(made)
            if operation.shows and isinstance(inputs[0], Tensor):
                out._counter = inputs[0]._counter
            return out
    cast, casts = _autocast(operation, given, options) if precision.current().autocast else (given, ())
    loaded = {"loaded": given[0].dtype} if casts and operation.widens else {}
    out = _made(operation, cast, options | loaded)
    node = out._grad_fn
    if node is not None and node.saves:
        node.watch(inputs, out, cast)
    if observe.somebody_follows():
        casts = casts or ("",) * len(given)
        place, whole = observe.place(), observe.whole()
        observe.tell_followers(observe.Applied(operation, given, cast, casts, options, out, place, whole))
    return out


def _of_integers_alone(given: tuple[Any, ...]) -> bool:
    arrays = [x for x in given if isinstance(x, (Tensor, Array, np.ndarray))]
    return bool(arrays) and all(isinstance(x, np.ndarray) for x in arrays)


def brought_through(operation: Operation, x: Tensor) -> Tensor:
    """`x` through an operation that computes nothing: nobody who follows the forward hears of it."""
    return _made(operation, (x,), {})


def _made(operation: Operation, given: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
    """The result of an operation on inputs as they are."""
    values = tuple(x._data if isinstance(x, Tensor) else x for x in given)
    with observe.running(operation.name, values):
        made = operation.forward(*values, **options)
    result, saved = made if isinstance(made, Saved) else (made, None)
    if not isinstance(result, Array):  # of nothing but integers
        raise RuntimeError(f"{operation.name}: expected floating-point values, got {getattr(result, 'dtype', result)}")
    out = holding(result)
    if is_grad_enabled():
        edges = edges_of(operation, given)
        if edges:
            out._requires_grad = True
            out._grad_fn = Node(operation, Call(values, options, result, saved), edges)
    if operation.shows and isinstance(given[0], Tensor) and _same_memory(result, given[0]._data):
        View.of(given[0], operation, Call(values, options, result), out)
    return out


def edges_of(operation: Operation, given: Sequence[Any]) -> tuple[tuple[int, Node | Leaf], ...]:
    """Which inputs get a gradient back through an operation, by position, and where it goes from there."""
    edges: list[tuple[int, Node | Leaf]] = []
    for position, x in enumerate(given):
        if isinstance(x, Tensor):
            if x._view is not None:
                x._view.follow(x)
            if x._requires_grad and operation.vjp(position):
                edges.append((position, x._grad_fn or x))
    return tuple(edges)


def _same_memory(view: Array, x: Array) -> bool:
    """Whether an operation that may give a view has given one."""
    base = x._values.base
    return view is x or (view._values.base is not None and view._values.base is (x._values if base is None else base))


class View:
    """What a tensor shows: parts of the memory of another one, which is no view.

    base: that other one. steps: the operations that lead from it to the view. number: the version of the memory to
    which the view's `grad_fn` belongs: where there is a later one, the base may have another history by now.
    recorded: whether the steps were taken while a graph was recorded.
    """

    __slots__ = ("base", "number", "recorded", "steps")

    def __init__(self, base: Tensor, steps: tuple[tuple[Operation, Call], ...], recorded: bool) -> None:
        self.base, self.steps, self.recorded = base, steps, recorded
        self.number = base._counter.number

    @staticmethod
    def of(x: Tensor, operation: Operation, call: Call, out: Tensor) -> None:
        """Makes a view of `out`, which an operation made of `x`."""
        step = ((operation, call),)
        if x._view is None:
            out._view = View(x, step, is_grad_enabled())
        else:
            out._view = View(x._view.base, x._view.steps + step, is_grad_enabled() and x._view.recorded)
        out._counter = x._counter

    def follow(self, x: Tensor) -> None:
        """Brings the graph behind the view `x` up to what was made of its base."""
        now = x._counter.number
        if now == self.number or not self.base._requires_grad:
            return
        self.number = now
        target: Node | Leaf = self.base._grad_fn or self.base
        for operation, call in self.steps:
            target = Node(operation, call, ((0, target),))
        assert isinstance(target, Node)
        x._change_history(target)


def _value(x: Any) -> Any:
    """A NumPy array of floats as an Array, a Tensor of integers as a NumPy array; anything else as it is."""
    if isinstance(x, Tensor):
        return x if isinstance(x._data, Array) else x._data
    return array(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fV" else x


def _autocast(
    operation: Operation, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The inputs in the formats that autocast asks for, and how each was brought there (see `observe.Applied`)."""
    rule = operation.autocast
    if rule == "refused":
        raise RuntimeError(REFUSED)
    if rule == "lower_precision":
        fmt = precision.current().dtype
    elif rule == "float32" or (rule == "float32_unless_dtype_given" and options.get("dtype") is None):
        fmt = FLOAT32
    elif rule == "widest":
        fmt = _widest(x.dtype for x in inputs if isinstance(x, (Tensor, Array)))
    else:
        return inputs, ()
    cast = [_cast(x, fmt) if isinstance(x, (Tensor, Array)) else (x, "") for x in inputs]
    return tuple(x for x, _ in cast), tuple(how for _, how in cast)


def _widest(formats: Iterable[Format]) -> Format:
    """float32 if it is among them, else the region's format; no other may be.

    Raises RuntimeError, as torch does, for any other.
    """
    widest = precision.current().dtype
    for fmt in formats:
        if FLOAT32 in (fmt, widest):
            widest = FLOAT32
        elif fmt != widest:
            raise RuntimeError(f"Unexpected floating ScalarType in at::autocast::prioritize: {fmt} beside {widest}")
    return widest


def _cast(x: Tensor | Array, fmt: Format) -> tuple[Tensor | Array, str]:
    """`x` in `fmt`. The region's casts of float32 leaves that require a gradient are made once, and kept until it ends.

    Whether a kept cast still has the values of its leaf, and is in `fmt`, nobody looks, nor does torch: after an edit
    in place it is stale, and a nested region of another format gets what the outer one made.
    """
    if x.dtype == fmt:
        return x, ""
    if isinstance(x, Array):
        return x.astype(fmt), "made"
    now = precision.current()
    kept_is_allowed = fmt == now.dtype and x.dtype == FLOAT32 and x._requires_grad and x.is_leaf and now.cache_enabled
    if not kept_is_allowed:
        return _copied(x, fmt), "made"
    if id(x) in now.cache:
        return now.cache[id(x)][1], "found"
    with set_grad_enabled(True):  # under no_grad, too: who asks next may want the graph
        now.cache[id(x)] = x, _copied(x, fmt)  # x itself, so that no other tensor gets its id
    return now.cache[id(x)][1], "kept"


def _copied(x: Tensor, fmt: Format) -> Tensor:
    return _made(OPERATIONS["_to_copy"], (x, fmt), {})


REFUSED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)
