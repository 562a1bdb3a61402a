"""Whether operations record a graph, under torch's names: contexts, decorators, and a switch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from simfp.autograd import graph, is_grad_enabled

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]


class _Region:
    """A context, which may be entered again, and a decorator; of generators it holds while they compute."""

    mode: bool | None  # None: as it is outside

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(is_grad_enabled())
        if self.mode is not None:
            graph._recording.set(self.mode)

    def __exit__(self, *exception: object) -> None:
        graph._recording.set(self._before.pop())

    def clone(self) -> _Region:
        """Another one like it."""
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, each of its calls in a region of its own."""
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def steps(*args: Any, **options: Any) -> Any:
                with self.clone():
                    generator = function(*args, **options)
                try:
                    with self.clone():
                        given = next(generator)
                    while True:
                        answer = yield given
                        with self.clone():
                            given = generator.send(answer)
                except StopIteration as end:
                    return end.value

            return steps

        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            with self.clone():
                return function(*args, **options)

        return run


class no_grad(_Region):
    """A region in which no graph is recorded: ``with no_grad():``, ``@no_grad()`` or ``@no_grad``."""

    mode = False

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """The region, or the function that it decorates."""
        region = super().__new__(cls)
        if function is None:
            return region
        region.__init__()  # type: ignore[misc]
        return region(function)

    def __init__(self, function: None = None) -> None:
        super().__init__()


class enable_grad(no_grad):
    """A region in which a graph is recorded, inside of `no_grad` too."""

    mode = True


class inference_mode(_Region):
    """As `no_grad`; with ``mode=False`` as it is outside. Its tensors are like any others, and may be used later."""

    def __new__(cls, mode: Any = True) -> Any:
        """The region, or the function that it decorates."""
        region = super().__new__(cls)
        if isinstance(mode, bool):
            return region
        region.__init__()  # type: ignore[misc]
        return region(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = False if mode else None

    def clone(self) -> inference_mode:
        """Another one like it."""
        return inference_mode(self.mode is False)  # type: ignore[no-any-return]


class set_grad_enabled(_Region):
    """Has operations record a graph from now on, or not; as a context, until it ends."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._outside = is_grad_enabled()
        self.mode = bool(mode)
        graph._recording.set(self.mode)

    def __enter__(self) -> None:
        super().__enter__()
        self._before[-1] = self._outside if len(self._before) == 1 else self._before[-1]

    def clone(self) -> set_grad_enabled:
        """Another one like it."""
        return set_grad_enabled(bool(self.mode))

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, each of its calls in a region; what was before comes back at once."""
        graph._recording.set(self._outside)
        return super().__call__(function)


def is_inference_mode_enabled() -> bool:
    """Whether no graph is recorded now."""
    return not is_grad_enabled()
