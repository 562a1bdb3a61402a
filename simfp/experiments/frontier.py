"""Verdicts on a check; and the frontier: what simfp does not have to the bit, how near it is, and why not nearer."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FRONTIER", "VERDICTS", "Frontier"]

# fmt: off
VERDICTS = {
    "equal":      "every bit is the same",
    "frontier":   "differs within what the table of the frontier says",
    "DIFFERS":    "differs, and should not",
    "not judged": "CUDA's order of operations, shown beside a CPU's",
    "not asked":  "could not be asked here",
}
# fmt: on


class Frontier(NamedTuple):
    """One kind of operation that is not known to the bit."""

    operation: str
    kernel: str  # torch's, or whose it is
    modelled: str  # what simfp computes in its place
    ulps: int  # no element that was compared was farther off, in the unit of `of`
    of: str  # "element": in ulp of each element; "largest": in ulp of the largest one, as terms that cancel leave it
    why: str


# fmt: off
FRONTIER: dict[str, Frontier] = {
    "powf": Frontier(
        "x ** 2.5 and other powers that are no whole number", "powf of CUDA's mathematical library",
        "the correctly rounded power", 16, "element",
        "powf is a chain of its own, not yet read off the machine code"),
    "var": Frontier(
        "var, std", "Reduce.cuh with WelfordOps", "the mean, then the mean of squares of the differences", 3, "largest",
        "the kernel updates mean and squares together, and merges the threads' shares by Chan's formula"),
    "long softmax": Frontier(
        "softmax, log_softmax over more than 1,024 values", "SoftMax.cu, a block of threads for each row",
        "the sum in the order of a reduction", 4, "largest",
        "its threads take vectors, and the order depends on where rows begin"),
    "softmax of columns": Frontier(
        "softmax, log_softmax over another axis than the last", "SoftMax.cu, cunn_SpatialSoftMaxForward",
        "the sum in the order of a reduction", 3, "largest", "threads walk down the columns in an order of their own"),
    "long embedding": Frontier(
        "embedding's gradient for more than 3,072 indices", "Embedding.cu, by sorted indices",
        "the sums in the order of the short kernel", 4, "largest", "indices are sorted first, and added in parts"),
    "uneven rows": Frontier(
        "layer_norm, rms_norm of rows whose length is no multiple of 4", "layer_norm_kernel.cu, without vectors",
        "the formulas, with plain sums", 2, "largest", "another kernel, with Welford's update in another order"),
    "batch_norm": Frontier(
        "batch_norm in training", "Normalization.cuh, or cuDNN", "the formulas, with plain sums", 3, "largest",
        "which of several kernels runs depends on shape and memory format"),
    "float32 products": Frontier(
        "matmul and linear in float32", "cuBLAS, on ordinary cores", "fused multiply-adds, one after the other", 16,
        "largest", "the order depends on the shape; `python -m simfp.gpu probe` finds it"),
    "conv2d": Frontier(
        "conv2d", "cuDNN", "matrix products of unfolded windows", 16, "largest",
        "cuDNN chooses among many algorithms, some of which are no plain sums"),
    "attention": Frontier(
        "scaled_dot_product_attention", "FlashAttention", "the steps of torch's math backend", 4, "largest",
        "the fused kernel keeps running maxima and sums, and rounds between its products"),
}
# fmt: on
