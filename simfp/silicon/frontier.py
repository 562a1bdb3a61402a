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
    "atomic embedding": Frontier(
        "embedding's gradient for more than 3,072 indices that name each row some 30 times or more",
        "EmbeddingBackwardKernel.cu, with atomic additions", "the kernel without them: sorted, and added in tens", 8,
        "largest", "atomic additions come in any order: on the GPU, too, the last bits differ from run to run"),
    "batch_norm": Frontier(
        "batch_norm of planes in float32, or in float16 with float32 parameters", "cuDNN", "torch's own kernel", 3,
        "largest", "cuDNN's source is not published, and its order depends on the shape"),
    "float32 products": Frontier(
        "matmul and linear in float32", "cuBLAS, on CUDA cores", "fused multiply-adds, one after the other", 16,
        "largest", "the order depends on the shape; the command `probe` of simfp.gpu finds it"),
    "conv2d": Frontier(
        "conv2d", "cuDNN", "matrix products of unfolded windows", 16, "largest",
        "cuDNN chooses among many algorithms: some are no plain sums, and one adds in any order"),
    "attention": Frontier(
        "scaled_dot_product_attention", "FlashAttention", "the steps of torch's math backend", 4, "largest",
        "the fused kernel keeps running maxima and sums, and rounds between its products"),
}
# fmt: on
