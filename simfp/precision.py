"""Which precision operations run in now: what `autocast` sets, and what operations ask.

The lists are those that torch 2.13 registers for CUDA (aten/src/ATen/autocast_mode.h); what stands in none of them
runs in the formats of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from simfp.accumulation import NUMPY, Accumulator
from simfp.formats import NAMED_FORMATS, Format

__all__ = ["AUTOCAST_LISTS", "Precision", "current", "enter", "leave", "rule_of", "running"]

# fmt: off
AUTOCAST_LISTS: dict[str, frozenset[str]] = {name: frozenset(operations.split()) for name, operations in {
    "lower_precision": """
        _convolution conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution
        cudnn_convolution cudnn_convolution_transpose prelu addmm addmv addr matmul einsum mm mv linalg_vecdot linear
        addbmm baddbmm bmm chain_matmul linalg_multi_dot _thnn_fused_lstm_cell _thnn_fused_gru_cell lstm_cell gru_cell
        rnn_tanh_cell rnn_relu_cell _scaled_dot_product_flash_attention scaled_dot_product_attention""",
    "float32": """
        acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow softplus layer_norm
        native_layer_norm rms_norm group_norm frobenius_norm nuclear_norm cosine_similarity poisson_nll_loss
        cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss smooth_l1_loss huber_loss mse_loss
        margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss multi_margin_loss
        binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp upsample_nearest1d _upsample_nearest_exact1d
        upsample_nearest2d _upsample_nearest_exact2d upsample_nearest3d _upsample_nearest_exact3d upsample_linear1d
        upsample_bilinear2d _upsample_bilinear2d_aa upsample_trilinear3d upsample_bicubic2d _upsample_bicubic2d_aa""",
    "float32_unless_dtype_given": """
        prod softmax log_softmax cumprod cumsum linalg_vector_norm linalg_matrix_norm sum""",
    "float32_appended": "norm",
    "widest": """
        addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add""",
    "refused": "binary_cross_entropy",
}.items()}
# fmt: on

FOLLOWS = "follows_inputs"  # the rule of whatever stands in no list

_RULES = {operation: rule for rule, operations in AUTOCAST_LISTS.items() for operation in operations}


def rule_of(operation: str) -> str:
    """The list that an operation of torch stands in, or "follows_inputs"."""
    return _RULES.get(operation, FOLLOWS)


@dataclass(frozen=True, eq=False)
class Precision:
    """What operations run in.

    autocast: whether the lists apply. dtype: what "lower_precision" stands for.
    accumulator: how sums of products are carried (see `simfp.accumulation`).
    cache_enabled: whether the casts of weights are kept in `cache`, which all nested regions share.
    outer: what a region of autocast was entered from; None outside of all.
    """

    autocast: bool = False
    dtype: Format = NAMED_FORMATS["float16"]
    accumulator: Accumulator = NUMPY
    cache_enabled: bool = True
    cache: dict[int, Any] = field(default_factory=dict)
    outer: Precision | None = None


_current: ContextVar[Precision] = ContextVar("simfp_precision", default=Precision())  # noqa: B039  (nobody caches in it)


def current() -> Precision:
    """What operations of this thread run in now."""
    return _current.get()


def enter(precision: Precision) -> None:
    """Begins a region, whose `outer` is what runs now: operations of this thread run in `precision` until `leave`."""
    _current.set(precision)


def leave() -> None:
    """Ends the innermost region; the outermost one takes the casts of weights with it.

    Raises RuntimeError where there is none.
    """
    ended = _current.get()
    if ended.outer is None:
        raise RuntimeError("a region of autocast was left that was not entered in this thread")
    if ended.outer.outer is None:
        ended.cache.clear()
    _current.set(ended.outer)


@contextmanager
def running(precision: Precision) -> Iterator[Precision]:
    """Within this context, operations of this thread run in `precision`."""
    token = _current.set(precision)
    try:
        yield precision
    finally:
        _current.reset(token)
