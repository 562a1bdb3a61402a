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
    "tests/test_accumulation.py", "tests/test_long_sums.py", "tests/test_float32_sums.py", "tests/test_tensor_core.py",
    "tests/test_arithmetic.py", "tests/test_array_functions.py", "tests/test_arrays.py", "tests/test_elementwise.py",
    "tests/test_cuda_math.py", "tests/test_device_sums.py", "tests/test_row_norms.py", "tests/test_probing.py",
    "tests/test_batch_norm.py", "tests/test_group_norm.py", "tests/test_embedding.py",
    "tests/test_gradients.py", "tests/test_graph.py", "tests/test_ops.py", "tests/test_nn.py", "tests/test_optim.py",
    "tests/test_recorded_operations.py", "tests/test_recorded_products.py", "tests/test_recorded_half_products.py",
    "tests/test_training.py", "tests/test_training_steps.py", "tests/test_weight_updates.py",  # NumPy's products
    "tests/test_lesson_04.py", "tests/test_lesson_06.py", "tests/test_lesson_08.py", "tests/test_lesson_11.py",
]  # fmt: skip
# Every notebook from its first cell to its last: on another Python, on other versions, with another BLAS.
NOTEBOOKS = ["tests/test_lessons.py"]

LEFT_OUT = "not browser and not long"

PARTS: dict[str, list[str]] = {
    "libraries": [*TORCHS, "-m", f"torch and {LEFT_OUT}"],
    "numpy": [*NUMPYS, "-m", f"not torch and not lessons and {LEFT_OUT}"],
    "both": [*dict.fromkeys([*TORCHS, *NUMPYS]), "-m", f"not lessons and {LEFT_OUT}"],
    "lessons": [*NUMPYS, *NOTEBOOKS, "-m", f"not torch and {LEFT_OUT}"],
    "everything": [*dict.fromkeys([*TORCHS, *NUMPYS, *NOTEBOOKS]), "-m", LEFT_OUT],
}
