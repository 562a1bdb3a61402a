"""Records products with 16-bit results: in which order, and with which roundings on the way, a device makes each."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from simfp.gpu.products import TYPES, Product, count_on, laid_out
from simfp.probing import Tree, describe, summation_tree
from simfp.silicon.split_k_products import (
    FLOAT32_SUMS,
    FP16_SUMS,
    SHAPES,
    TRAINING,
    WAYS,
    Shape,
    bias,
    checksum,
    inputs,
    model,
    summed,
)
from simfp.tensor_core import HOPPER

__all__ = ["half_products", "settings"]

SETTINGS = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
A_FEW_ROWS = 2  # that a known order is tried on first
DEFAULTS = (True, True, False)  # torch's
ACCUMULATED = tuple(shape for shape in SHAPES if shape.fmt == "float16" and shape.layout in ("nn", "tn"))


class Answer(NamedTuple):
    """What became known about one product."""

    differing: int  # elements that differ from the model in the way and the order that come closest
    plain: int  # those that differ from float32 sums from the first k to the last, rounded once
    order: str  # in words, "" for the plain one
    way: str
    answer: str  # SHA-256 of the result


@contextlib.contextmanager
def settings(values: Sequence[bool]) -> Iterator[None]:
    """torch.backends.cuda.matmul with these SETTINGS, for a while."""
    place = torch.backends.cuda.matmul
    before = [getattr(place, name) for name in SETTINGS]
    try:
        for name, value in zip(SETTINGS, values, strict=True):
            setattr(place, name, value)
        yield
    finally:
        for name, value in zip(SETTINGS, before, strict=True):
            setattr(place, name, value)


class Asker:
    """Asks one device; the orders that it found for one product are tried first for the next of the same K."""

    def __init__(self, device: str, ends: float) -> None:
        self.device, self.ends = device, ends
        self.known: dict[int, dict[str, Tree]] = {}  # by K: trees by their words
        self.seen: dict[tuple[Shape, str], Answer] = {}

    def about(
        self,
        shape: Shape,
        product: Product,
        core: Any = HOPPER,
        *,
        given: tuple[NDArray[Any], NDArray[Any]] | None = None,
        add: NDArray[Any] | None = None,
        probed: Product | None = None,
    ) -> Answer:
        """One product: asked for, and if it is not the plain one, along the trees that are known, then its own.

        probed: what the prober asks instead, where `product` is more than a product.
        """
        fmt, _, _, _, layout = shape
        given = inputs(shape) if given is None else given
        left, right = (
            laid_out(torch.tensor(x).to(TYPES[fmt]).to(self.device), way)
            for x, way in zip(given, layout, strict=True)
        )  # fmt: skip
        made = product(left, right).double().cpu().numpy()
        answer = checksum(made, fmt)
        if (shape, answer) in self.seen:
            return self.seen[shape, answer]
        self.seen[shape, answer] = found = self._explained(shape, made, core, given, add, answer, probed or product)
        return found

    def _explained(
        self,
        shape: Shape,
        made: NDArray[Any],
        core: Any,
        given: tuple[NDArray[Any], NDArray[Any]],
        add: NDArray[Any] | None,
        answer: str,
        probed: Product,
    ) -> Answer:
        def differing(tree: Tree | None, way: str, rows: int) -> int:
            some = given[0][:rows], given[1]
            return int((model(shape, tree, way, core=core, add=add, given=some) != made[:rows]).sum())

        plain = differing(None, "float32", shape.m)
        best = Answer(plain, plain, "", "float32", answer)
        if not plain:
            return best
        known = self.known.setdefault(shape.k, {})
        for told, tree in known.items():
            for way in WAYS:
                if not differing(tree, way, A_FEW_ROWS) and not differing(tree, way, shape.m):
                    return best._replace(differing=0, order=told, way=way)
        try:
            tree = summation_tree(
                count_on(self.device, shape.fmt, (shape.m, shape.k, shape.n), shape.layout, probed), shape.k
            )
        except ValueError as error:
            return best._replace(order=f"no tree: {error}")
        told = describe(tree)
        known[told] = tree
        ways = {way: differing(tree, way, shape.m) for way in WAYS}
        way = min(ways, key=lambda name: ways[name])
        return best._replace(differing=ways[way], order=told, way=way)

    def all(self, shapes: Iterable[Shape], ask: Callable[[Shape], Answer]) -> dict[str, Answer]:
        """Answers by the name of the shape, as far as the time goes."""
        found: dict[str, Answer] = {}
        for shape in shapes:
            if time.monotonic() > self.ends:
                print(f"\nstopped before {shape.name}", file=sys.stderr)
                break
            found[shape.name] = ask(shape)
            left = sum(answer.differing > 0 for answer in found.values())
            if len(found) % 20:
                continue
            print(f"\r{len(found):,} shapes, {left} unexplained ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return found


def half_products(device: str, seconds: float = 3600.0) -> dict[str, Any]:
    """What a device makes of the products of training, and of SHAPES by torch's defaults, with no reduction in 16 bits,
    and with sums in float16, as far as the time goes, of which the latter two get a fifth each."""
    began = time.monotonic()
    recording: dict[str, Any] = {"what": "matrix products of 16-bit inputs with 16-bit results"}
    asker = Asker(device, began + seconds * 0.65)
    with settings(DEFAULTS):
        for what, shapes in TRAINING.items():
            recording[what] = _told(asker.all(shapes, partial(_trained, asker, what)))
        recording["by default"] = _told(asker.all(SHAPES, lambda shape: asker.about(shape, torch.mm)))
    asker.ends = began + seconds * 0.8
    with settings((False, False, False)):
        made = asker.all(SHAPES, lambda shape: asker.about(shape, torch.mm))
    recording["without reduction in 16 bits"] = _told(made)
    asker = Asker(device, began + seconds)
    with settings((True, True, True)):
        made = asker.all(ACCUMULATED, lambda shape: asker.about(shape, torch.mm, FP16_SUMS))
    recording["with sums in float16"] = _told(made)
    return recording


def _trained(asker: Asker, what: str, shape: Shape) -> Answer:
    """One product of training, as autograd makes it; a linear layer with its bias."""
    if what.startswith("db"):
        return asker.about(shape, lambda g, _: g.t().sum(0, keepdim=True).t(), FLOAT32_SUMS, given=summed(shape))
    if not what.startswith("y"):
        return asker.about(shape, _gradient(what))
    added = bias(shape)

    def linear(by: torch.Tensor) -> Product:
        return lambda x, w: torch.nn.functional.linear(x, w.t(), by)

    dtype = TYPES[shape.fmt]
    some, none = (torch.tensor(x).to(dtype).to(asker.device) for x in (added, np.zeros(shape.n)))
    return asker.about(shape, linear(some), add=added, probed=linear(none))


def _gradient(what: str) -> Product:
    """The gradient of a linear layer's weights, of (g^T, x), or of its inputs, of (g, W), by autograd."""

    def made(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        gradient = left.t() if what.startswith("dW") else left
        other = right.detach().requires_grad_()
        if what.startswith("dW"):  # `other` is x, and the weights' values do not matter
            weights = other.new_zeros(left.shape[0], right.shape[1]).requires_grad_()
            return torch.autograd.grad(torch.nn.functional.linear(other, weights), weights, gradient)[0]
        x = other.new_zeros(left.shape[0], right.shape[1]).requires_grad_()
        return torch.autograd.grad(torch.nn.functional.linear(x, other), x, gradient)[0]

    return made


def _told(answers: dict[str, Answer]) -> dict[str, Any]:
    """Answers as plain data: how each order was found, with the shapes that took it; and the results' checksums."""
    orders: dict[tuple[str, str], list[str]] = {}
    for name, answer in answers.items():
        orders.setdefault((answer.order, answer.way), []).append(name)
    return {
        "asked": len(answers),
        "plain": sum(answer.plain == 0 for answer in answers.values()),
        "differing": {name: answer.differing for name, answer in answers.items() if answer.differing},
        "orders": [{"order": order, "way": way, "shapes": names} for (order, way), names in orders.items()],
        "answers": {name: answer.answer for name, answer in answers.items()},
    }
