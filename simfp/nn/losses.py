"""Losses: modules around those of `nn.functional`."""

from __future__ import annotations

from typing import Any

from simfp.autograd import Tensor, as_tensor
from simfp.nn import functional
from simfp.nn.module import Module
from simfp.typing import Reduction

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss", "NLLLoss", "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    """reduction: "mean", "sum" or "none". torch's older size_average and reduce are refused, whatever they say."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: Reduction = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            raise ValueError("size_average and reduce are gone: use reduction='mean', 'sum' or 'none'")
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """weight: a weight for each class, or each element; a buffer, as in torch."""

    def __init__(
        self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", None if weight is None else as_tensor(weight))


class MSELoss(_Loss):
    """The mean of squared differences."""

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean of absolute differences."""

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Squared differences over 2 beta, and beyond beta absolute ones less beta / 2; their mean."""

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: Reduction = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Half of squared differences, and beyond delta absolute ones less delta / 2, times delta; their mean."""

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """Minus the log-probability of each sample's class; their mean by weight."""

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Tensor:
        """Log-probabilities (N, C, ...) and classes (N, ...) to one number."""
        return functional.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_WeightedLoss):
    """The cross entropy of logits and classes, or probabilities; their mean by weight."""

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Tensor:
        """Logits (N, C, ...) and classes (N, ...), or probabilities (N, C, ...), to one number."""
        return functional.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """The binary cross entropy of probabilities; autocast refuses it."""

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The binary cross entropy of logits. weight: for each element. pos_weight: of the positive ones."""

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: Reduction = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", None if weight is None else as_tensor(weight))
        self.register_buffer("pos_weight", None if pos_weight is None else as_tensor(pos_weight))

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two of one shape to one number."""
        return functional.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )
