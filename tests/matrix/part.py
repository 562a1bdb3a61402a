"""Which tests a row runs: those whose outcome the row's change could turn, and the others are left out, with reasons.

What no row runs: the browser's tests (pictures of what the same Python code answers), those marked `long`, which
repeat others, and those of text, files, errors and widgets' state, whose answers no floating-point kernel makes.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

# torch on the other side: what oneDNN, ATen and MKL change is there, and nowhere else.
TORCHS = [
    str(file.relative_to(ROOT))
    for file in sorted((ROOT / "tests").rglob("test_*.py"))
    if "mark.torch" in file.read_text(encoding="utf-8")
]
# Where NumPy's kernels, its BLAS or Numba's code make an answer, ours or the one that it is held against.
NUMPYS = [
    "tests/reference/test_ml_dtypes.py", "tests/reference/test_mpfr.py",  # roundings and operations, in Numba's code
    "tests/reference/test_elementwise_against_mpfr.py",  # functions of Arrays, from NumPy's and the C library's
    "tests/foundation/test_accumulation.py", "tests/foundation/test_long_sums.py",
    "tests/foundation/test_float32_sums.py", "tests/foundation/test_tensor_core.py",
    "tests/foundation/test_arithmetic.py", "tests/foundation/test_array_functions.py",
    "tests/foundation/test_arrays.py", "tests/foundation/test_elementwise.py",
    "tests/ops/test_cuda_math.py", "tests/ops/test_device_sums.py", "tests/ops/test_row_norms.py",
    "tests/foundation/test_probing.py",
    "tests/ops/test_batch_norm.py", "tests/ops/test_group_norm.py", "tests/ops/test_embedding.py",
    "tests/autograd/test_gradients.py", "tests/autograd/test_graph.py", "tests/ops/test_ops.py", "tests/nn/test_nn.py",
    "tests/optim/test_optim.py",
    "tests/silicon/test_recorded_operations.py", "tests/silicon/test_recorded_products.py",
    "tests/silicon/test_recorded_split_k_products.py",
    "tests/nn/test_training_loops.py", "tests/experiments/test_training_steps.py",
    "tests/experiments/test_weight_updates.py",  # NumPy's products
    "tests/course/test_lesson_04.py", "tests/course/test_lesson_06.py", "tests/course/test_lesson_08.py",
    "tests/course/test_lesson_11.py",
]  # fmt: skip
# Every notebook from its first cell to its last: on another Python, on other versions, with another BLAS.
NOTEBOOKS = ["tests/course/test_lessons.py"]

LEFT_OUT = "not browser and not long"

PARTS: dict[str, list[str]] = {
    "libraries": [*TORCHS, "-m", f"torch and {LEFT_OUT}"],
    "numpy": [*NUMPYS, "-m", f"not torch and not lessons and {LEFT_OUT}"],
    "both": [*dict.fromkeys([*TORCHS, *NUMPYS]), "-m", f"not lessons and {LEFT_OUT}"],
    "lessons": [*NUMPYS, *NOTEBOOKS, "-m", f"not torch and {LEFT_OUT}"],
    "everything": [*dict.fromkeys([*TORCHS, *NUMPYS, *NOTEBOOKS]), "-m", LEFT_OUT],
}
