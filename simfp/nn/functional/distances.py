"""Distances and the losses made of them, step by step as torch takes them; to autocast each is one operation."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.nn.functional.whole import as_one
from simfp.ops import OPERATIONS
from simfp.typing import Reduction

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "gaussian_nll_loss", "hinge_embedding_loss", "kl_div",
    "margin_ranking_loss", "normalize", "pairwise_distance", "poisson_nll_loss", "soft_margin_loss",
    "triplet_margin_loss",
]  # fmt: skip


def _reduced(losses: Tensor, reduction: Reduction) -> Tensor:
    """Raises ValueError for an unknown reduction."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return losses if reduction == "none" else of.mean(losses) if reduction == "mean" else of.sum(losses)


def _at_least(x: Any, low: float) -> Tensor:
    return of.clamp(x, min=low)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The input over its norm of order 1, 2 or infinity along an axis, which counts as `eps` where it is smaller."""
    x = as_tensor(input)
    return x / _at_least(of.norm(x, p, dim, keepdim=True), eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The sum of products of two inputs along an axis, each over its norm, which counts as `eps` where it is smaller.

    The shapes are broadcast.
    """
    return as_one("cosine_similarity", lambda a, b: _cosine(a, b, dim, eps), x1=x1, x2=x2)  # type: ignore[no-any-return]


def _cosine(a: Tensor, b: Tensor, dim: int, eps: float) -> Tensor:
    one, other = (x / _at_least(of.norm(x, 2, dim, keepdim=True), eps) for x in (a, b))
    return of.sum(one * other, dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The norm of order 1, 2 or infinity of x1 - x2 + eps along the last axis."""
    return of.norm(as_tensor(x1) - x2 + eps, p, -1, keepdim)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log(target) - input) of log-probabilities `input`; their mean, sum, or "batchmean": the sum over N.

    log_target: whether the target is given as log-probabilities, too. "mean" is over all elements, as in torch.
    """
    if size_average is not None or reduce is not None:
        raise ValueError("size_average and reduce are gone: use reduction='mean', 'sum', 'batchmean' or 'none'")
    over: Reduction = "sum" if reduction == "batchmean" else reduction
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )

    def loss(x: Tensor, t: Tensor) -> Tensor:
        terms = of.exp(t) * (t - x) if log_target else apply(OPERATIONS["xlogy"], t, t) - t * x
        return _reduced(terms, over)

    found: Tensor = as_one("kl_div", loss, input=input, target=target)
    batch = as_tensor(input).shape
    return found / batch[0] if reduction == "batchmean" and batch else found


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """exp(x) - t x, or x - t log(x + eps) unless `log_input`; with `full` Stirling's terms where t is above 1."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        terms = of.exp(x) - t * x if log_input else x - t * of.log(x + eps)
        if full:
            large = of.where(t.data.values > 1, t, 1.0)
            stirling = large * of.log(large) - large + 0.5 * of.log(2 * math.pi * large)
            terms = terms + of.masked_fill(stirling, t.data.values <= 1, 0.0)
        return _reduced(terms, reduction)

    return as_one("poisson_nll_loss", loss, input=input, target=target)  # type: ignore[no-any-return]


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean"
) -> Tensor:
    """(log(var) + (x - t)^2 / var) / 2, a variance below `eps` counting as that; its gradient does not see this.

    var: a number, or a tensor in the shape of the input, its last axis 1 or left out.

    Raises ValueError for a variance that is negative or does not fit.
    """
    x, v = as_tensor(input), as_tensor(var)
    if v.ndim and v.shape != x.shape:
        if v.shape == x.shape[:-1]:
            v = v.unsqueeze(-1)
        elif v.ndim != x.ndim or any(own not in (1, length) for own, length in zip(v.shape, x.shape)):
            raise ValueError("var is of incorrect size")
    if (v.data.values < 0).any():
        raise ValueError("var has negative entry/entries")
    held = v + (_at_least(v.detach(), eps) - v.detach())
    losses = 0.5 * (of.log(held) + of.square(x - target) / held)
    return _reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, reduction: Reduction = "mean"
) -> Tensor:  # fmt: skip
    """1 - cosine where the target is 1, the cosine beyond a margin where it is -1; (N, D) and (N,), or (D,) and ()."""

    def loss(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        if t.ndim + 1 != a.ndim or t.ndim + 1 != b.ndim:
            raise RuntimeError(
                f"{t.ndim}D target tensor expects {t.ndim + 1}D input tensors, but found inputs with sizes "
                f"{list(a.shape)} and {list(b.shape)}."
            )
        tiny = 1e-12
        products = of.sum(a * b, -1)
        sizes = (of.sum(a * a, -1) + tiny) * (of.sum(b * b, -1) + tiny)
        cosine = products / of.sqrt(sizes)
        signs = t.data.values
        near = of.where(signs == 1, 1 - cosine, 0.0)
        return _reduced(near + of.where(signs == -1, _at_least(cosine - margin, 0.0), 0.0), reduction)

    return as_one("cosine_embedding_loss", loss, input1=input1, input2=input2, target=_as_floats(target))  # type: ignore[no-any-return]


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, reduction: Reduction = "mean"
) -> Tensor:
    """max(0, -target (x1 - x2) + margin)."""

    def loss(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return _reduced(_at_least(-t * (a - b) + margin, 0.0), reduction)

    return as_one("margin_ranking_loss", loss, input1=input1, input2=input2, target=_as_floats(target))  # type: ignore[no-any-return]


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        signs = t.data.values
        far = of.where(signs != 1, _at_least(margin - x, 0.0), 0.0)
        return _reduced(far + of.where(signs != -1, x, 0.0), reduction)

    return as_one("hinge_embedding_loss", loss, input=input, target=_as_floats(target))  # type: ignore[no-any-return]


def soft_margin_loss(input: Any, target: Any, reduction: Reduction = "mean") -> Tensor:
    """log(1 + exp(-target x))."""

    def loss(x: Tensor, t: Tensor) -> Tensor:
        return _reduced(-apply(OPERATIONS["log_sigmoid"], t * x), reduction)

    return as_one("soft_margin_loss", loss, input=input, target=_as_floats(target))  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, distance to the positive - distance to the negative + margin); norms of order 1, 2 or infinity.

    swap: the smaller of the negative's distances from anchor and positive counts.
    """

    def loss(a: Tensor, near: Tensor, far: Tensor) -> Tensor:
        apart = pairwise_distance(a, far, p, eps)
        if swap:
            apart = of.minimum(apart, pairwise_distance(near, far, p, eps))
        return _reduced(_at_least(pairwise_distance(a, near, p, eps) - apart + margin, 0.0), reduction)

    return as_one("triplet_margin_loss", loss, anchor=anchor, positive=positive, negative=negative)  # type: ignore[no-any-return]


def _as_floats(target: Any) -> Tensor:
    """1 and -1, whatever they come as."""
    return target if isinstance(target, Tensor) else as_tensor(target, "float32")
