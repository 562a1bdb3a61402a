"""Hooks of modules: functions that are called before and after a forward, and when gradients have passed a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from simfp.arrays import Array
from simfp.autograd import RemovableHandle, Tensor, is_grad_enabled
from simfp.autograd.hooks import gated, replaced

if TYPE_CHECKING:
    from simfp.nn.module import Module

__all__ = ["KINDS", "Hooked", "called"]

KINDS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class Hook(NamedTuple):
    """A function, and how it is called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Hooked:
    """What registers hooks; a part of Module. The order and the rules of what they return are torch's."""

    _forward_pre_hooks: dict[int, Hook]
    _forward_hooks: dict[int, Hook]
    _backward_pre_hooks: dict[int, Hook]
    _backward_hooks: dict[int, Hook]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Has ``hook(module, args)`` called before `forward`; what it returns, unless None, takes the arguments' place.

        with_kwargs: ``hook(module, args, kwargs)``, which returns None or both. prepend: before all other hooks.
        """
        return RemovableHandle(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Has ``hook(module, args, output)`` called after `forward`; what it returns, unless None, is the output.

        with_kwargs: ``hook(module, args, kwargs, output)``. always_call: also where a forward or a hook raises,
        with the output as far as there is one. prepend: before all other hooks.
        """
        return RemovableHandle(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Has ``hook(module, grad_output)`` called when the gradients of the output have come, a tuple.

        What it returns, unless None, takes their place: a tuple, or a tensor if there is one output.
        """
        return RemovableHandle(self._backward_pre_hooks, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Has ``hook(module, grad_input, grad_output)`` called when the gradients of the inputs have come, tuples.

        Inputs are the arguments by position; what is no tensor or gets no gradient has None
        (a tensor of torch's then has zeros). What the hook returns,
        unless None, takes the place of `grad_input`. Where no input requires a gradient, the hook is called as soon as
        `grad_output` is there. Output and inputs are seen as tensors, or tuples of them.
        """
        return RemovableHandle(self._backward_hooks, Hook(hook), prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Raises NotImplementedError: torch's older kind sees the wrong gradients; the full one does not."""
        raise NotImplementedError(
            "register_backward_hook is deprecated in torch and not computed here: use register_full_backward_hook"
        )


def called(module: Module, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What the module's forward gives, its hooks called."""
    for hook in list(module._forward_pre_hooks.values()):
        args, options = _before(hook, module, args, options)
    backward = _Backward(module) if _wants_backward(module) else None
    if backward is not None:
        args = backward.inputs(args)
    done: set[int] = set()
    out = None
    try:
        out = module.forward(*args, **options)
        for number, hook in list(module._forward_hooks.items()):
            done.add(number)
            out = _after(hook, module, args, options, out)
    except Exception:
        for number, hook in list(module._forward_hooks.items()):
            if hook.always and number not in done:
                try:
                    _after(hook, module, args, options, out)
                except Exception:  # the first error is the one to be told
                    continue
        raise
    return out if backward is None else backward.outputs(out)


def _wants_backward(module: Module) -> bool:
    return bool(module._backward_hooks or module._backward_pre_hooks) and is_grad_enabled()


def _before(hook: Hook, module: Module, args: Any, options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not hook.with_kwargs:
        new = hook.function(module, args)
        return (args if new is None else new if isinstance(new, tuple) else (new,)), options
    both = hook.function(module, args, options)
    if both is None:
        return args, options
    if not (isinstance(both, tuple) and len(both) == 2):
        raise RuntimeError(
            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {both}."
        )  # fmt: skip
    return both


def _after(hook: Hook, module: Module, args: Any, options: Any, out: Any) -> Any:
    given = (args, options) if hook.with_kwargs else (args,)
    new = hook.function(module, *given, out)
    return out if new is None else new


class _Backward:
    """The backward hooks of one call of a module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.before = [hook.function for hook in module._backward_pre_hooks.values()]
        self.after = [hook.function for hook in module._backward_hooks.values()]
        self.count, self.watches = 0, False
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, so that their gradients are seen."""
        self.count = len(args)
        self.watches = any(isinstance(x, Tensor) and x.requires_grad for x in args)
        return tuple(gated(args, self._passed)) if self.watches and self.after else args

    def outputs(self, out: Any) -> Any:
        """The output, so that its gradients are seen."""
        listed = out if isinstance(out, tuple) else (out,)
        seen = gated(listed, self._come)
        if not isinstance(out, tuple):
            return seen[0]
        return type(out)(*seen) if hasattr(out, "_fields") else tuple(seen)

    def _come(self, gradients: list[Array | None]) -> list[Array | None]:
        for hook in self.before:
            new = hook(self.module, _tensors(gradients))
            gradients = _in_place_of(hook, new, gradients, "grad_output")
        self.grad_output = _tensors(gradients)
        if not self.watches:
            nothing: list[Array | None] = [None] * self.count
            for hook in self.after:
                new = hook(self.module, tuple(nothing), self.grad_output)
                if new is not None and any(each is not None for each in _listed(new)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
        return gradients

    def _passed(self, gradients: list[Array | None]) -> list[Array | None]:
        for hook in self.after:
            new = hook(self.module, _tensors(gradients), self.grad_output)
            gradients = _in_place_of(hook, new, gradients, "grad_input")
        return gradients


def _tensors(gradients: list[Array | None]) -> tuple[Any, ...]:
    return tuple(None if g is None else Tensor(g) for g in gradients)


def _listed(new: Any) -> tuple[Any, ...]:
    return new if isinstance(new, tuple) else (new,)


def _in_place_of(hook: Any, new: Any, gradients: list[Array | None], what: str) -> list[Array | None]:
    if new is None:
        return gradients
    given = _listed(new)
    if len(given) != len(gradients):
        raise RuntimeError(
            f"Backward hook returned an invalid number of {what}, got {len(given)}, but expected {len(gradients)}"
        )  # fmt: skip
    return [replaced(hook, each, g) for each, g in zip(given, gradients)]
