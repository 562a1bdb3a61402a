"""Functions of networks, as torch.nn.functional has them."""

from simfp.autograd.picking import one_hot
from simfp.nn.functional.activations import (
    dropout,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from simfp.nn.functional.attention import scaled_dot_product_attention
from simfp.nn.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from simfp.nn.functional.normalization import batch_norm, embedding, group_norm, layer_norm, rms_norm
from simfp.nn.functional.products import avg_pool2d, conv2d, linear, max_pool2d

__all__ = [
    "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv2d", "cross_entropy",
    "dropout", "embedding", "gelu", "group_norm", "huber_loss", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "max_pool2d", "mse_loss", "nll_loss", "one_hot", "relu", "rms_norm", "scaled_dot_product_attention",
    "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus", "tanh",
]  # fmt: skip
