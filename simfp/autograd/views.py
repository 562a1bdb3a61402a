"""Views: tensors that show parts of another one's memory, and whose graph follows what is written there."""

from __future__ import annotations

from simfp.autograd.graph import Leaf, Node, is_grad_enabled
from simfp.autograd.tensor import Tensor
from simfp.ops import Call, Operation

__all__ = ["View"]


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
