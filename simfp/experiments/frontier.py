"""The frontier: what of a GPU's arithmetic simfp does not have to the bit, how near it is, and why not nearer."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FRONTIER", "Frontier"]


class Frontier(NamedTuple):
    """One kind of operation that is not known to the bit."""

    operation: str
    kernel: str  # torch's, or whose it is
    modelled: str  # what simfp computes in its place
    ulps: int  # no element that was compared was farther off, in ulp of its own format
    why: str


# fmt: off
FRONTIER: dict[str, Frontier] = {
    "powf": Frontier(
        "x ** 2.5 and other powers that are no whole number", "powf of CUDA's mathematical library",
        "the correctly rounded power", 4, "powf is a chain of its own, not yet read off the machine code"),
    "var": Frontier(
        "var, std", "Reduce.cuh with WelfordOps", "the mean first, then the mean of squares of the differences", 4,
        "the kernel updates mean and squares together, and merges the threads' shares by Chan's formula"),
    "long softmax": Frontier(
        "softmax, log_softmax over more than 1,024 values", "softmax.cu, a block of threads for each row",
        "the sum in the order of a reduction", 8, "its threads take vectors, and the order depends on where rows begin"),
    "softmax of columns": Frontier(
        "softmax, log_softmax over another axis than the last", "softmax.cu, cunn_SpatialSoftMaxForward",
        "the sum in the order of a reduction", 8, "threads walk down the columns in an order of their own"),
    "long embedding": Frontier(
        "embedding's gradient for more than 3,072 indices", "Embedding.cu, by sorted indices",
        "the sums in the order of the short kernel", 64, "indices are sorted first, and added in parts"),
    "uneven rows": Frontier(
        "layer_norm, rms_norm of rows whose length is no multiple of 4", "layer_norm_kernel.cu, without vectors",
        "the formulas, with plain sums", 64, "another kernel, with Welford's update in another order"),
    "batch_norm": Frontier(
        "batch_norm in training", "Normalization.cuh, or cuDNN", "the formulas, with plain sums", 64,
        "which of several kernels runs depends on shape and memory format"),
    "float32 products": Frontier(
        "matmul and linear in float32", "cuBLAS, on ordinary cores", "fused multiply-adds, one after the other", 64,
        "the order depends on the shape; `python -m simfp.gpu probe` finds it"),
    "conv2d": Frontier(
        "conv2d", "cuDNN", "matrix products of unfolded windows", 64,
        "cuDNN chooses among many algorithms, some of which are no plain sums"),
    "attention": Frontier(
        "scaled_dot_product_attention", "FlashAttention", "the steps of torch's math backend", 64,
        "the fused kernel keeps running maxima and sums, and rounds between its products"),
    "sign of zero": Frontier(
        "the gradient of l1_loss for a target that equals the input", "AbsKernel and sign",
        "the same values; zeros may have another sign", 1, "+0 or -0: a matter of which operand is negated when"),
}
# fmt: on
