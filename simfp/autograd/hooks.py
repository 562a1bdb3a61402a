"""Hooks: functions that are called when a gradient comes, and handles that take them away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from simfp.arrays import Array
from simfp.autograd import in_place
from simfp.autograd.graph import Gate, Node
from simfp.autograd.recording import brought_through
from simfp.autograd.tensor import Tensor
from simfp.ops import Operation
from simfp.ops.operation import same

__all__ = ["RemovableHandle", "gated", "replaced"]

_numbers = count()


class RemovableHandle:
    """What a `register_..._hook` gives: `remove()` takes the hook away; so does the end of a `with` block.

    hooks: where the hook stands, by the handle's `id`. prepend: before all that stand there.
    """

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self.id, self._hooks = next(_numbers), hooks
        others = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self.id] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Takes the hook away; a second time, nothing happens."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def register_hook(x: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Has `hook` called with the gradient of `x`, a Tensor, whenever `backward` has it complete.

    What the hook returns, unless that is None, takes the gradient's place; it must have its shape and its format.
    Hooks are called in the order of their registration, of a leaf before the gradient is added to `grad`.

    Raises RuntimeError for a tensor that requires no gradient.
    """
    if not x.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    owner: Any = x if x.grad_fn is None else x.grad_fn
    if owner.hooks is None:
        owner.hooks = {}
    return RemovableHandle(owner.hooks, lambda g: called(hook, g))


def register_post_accumulate_grad_hook(x: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Has `hook` called with the leaf `x` itself whenever its `grad` has been added to.

    Raises RuntimeError for a tensor that is no leaf, or requires no gradient.
    """
    if not x.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if x.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if x.after is None:
        x.after = {}
    return RemovableHandle(x.after, hook)


def called(hook: Callable[[Tensor], Any], g: Array) -> Array:
    """The gradient that a hook leaves: what it returns, or what it was given."""
    new: Array = replaced(hook, hook(Tensor(g)), g)
    return new


def replaced(hook: Any, new: Any, g: Array | None) -> Any:
    """What a hook returned as a gradient, in the place of `g`.

    Raises TypeError for what is no tensor, RuntimeError for another shape or format.
    """
    if new is None or g is None:
        return g
    name = getattr(hook, "__name__", type(hook).__name__)
    given = new.data if isinstance(new, Tensor) else new
    if not isinstance(given, Array):
        raise TypeError(f"expected a Tensor, an Array or None from hook {name!r}, got a {type(new).__name__}")
    if given.shape != g.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: {list(given.shape)}, not {list(g.shape)}"
        )  # fmt: skip
    if given.dtype != g.dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value: {given.dtype}, not {g.dtype}")
    return given


# --- several tensors side by side

HOOKED = Operation(in_place.HOOKED, lambda x: x, (same,), ("",), shows=True)


def gated(tensors: Sequence[Any], opened: Callable[[list[Array | None]], list[Array | None]]) -> list[Any]:
    """The same tensors, whose gradients are held until all of them that come have come.

    opened: called with the gradients then, None for tensors that get none; what it returns goes on in their place.
    What requires no gradient is given back as it is, and its gradient is None.
    """
    gate = Gate(opened, len(tensors))
    out = []
    for place, x in enumerate(tensors):
        if isinstance(x, Tensor) and x.requires_grad:
            x = brought_through(HOOKED, x)
            if isinstance(x.grad_fn, Node):
                x.grad_fn.gate, gate.places[x.grad_fn] = gate, place
        out.append(x)
    return out
