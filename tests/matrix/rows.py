"""The rows of the matrix: what is changed in each, and what must then be seen to have changed."""

from __future__ import annotations

from dataclasses import dataclass, field

# What a row is told by its variables alone: whatever else is set outside must not reach it.
VARIABLES = (
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_CACHE_DIR", "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
EVERY_DISPATCHED = "every feature that NumPy dispatches on"  # asked of NumPy, which silently ignores names it has not


@dataclass(frozen=True, eq=False)
class Row:
    """One run of the tests.

    sees: the part of what the libraries report (`took.py`) that the change must show in. needs: flags that the
    processor must have for it (all of one of the tuples). part: which tests, by a name in `part.py`. python,
    versions: of the environment that it runs in.
    """

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    sees: str = ""
    needs: tuple[str, ...] = ()
    part: str = "libraries"
    python: str = ""  # "": the one that runs this program
    versions: str = "pinned"  # newest, oldest: that pyproject.toml allows; pinned: the environment of `make test`

    def __str__(self) -> str:
        return self.name


EVERYTHING = "everything"
AVX2 = ("avx2", "fma")
AVX512 = (*AVX2, "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd")


def one(name: str, variable: str, value: str, sees: str, *needs: str, part: str = "libraries") -> Row:
    return Row(name, {variable: value}, sees, needs, part)


# fmt: off
ROWS = [
    Row("default", part=EVERYTHING),
    #   name                 variable                    value               what must show it  needs
    one("onednn SSE41",      "ONEDNN_MAX_CPU_ISA",       "SSE41",            "oneDNN",          "sse4_1"),
    one("onednn AVX2",       "ONEDNN_MAX_CPU_ISA",       "AVX2",             "oneDNN",          *AVX2),
    one("onednn AVX512",     "ONEDNN_MAX_CPU_ISA",       "AVX512_CORE",      "oneDNN",          *AVX512),
    one("onednn bf16",       "ONEDNN_MAX_CPU_ISA",       "AVX512_CORE_BF16", "oneDNN",          *AVX512, "avx512_bf16"),
    one("aten default",      "ATEN_CPU_CAPABILITY",      "default",          "ATen"),
    one("aten avx2",         "ATEN_CPU_CAPABILITY",      "avx2",             "ATen",            *AVX2),
    one("aten avx512",       "ATEN_CPU_CAPABILITY",      "avx512",           "ATen",            *AVX512),
    one("mkl COMPATIBLE",    "MKL_CBWR",                 "COMPATIBLE",       "MKL"),
    one("mkl AVX2",          "MKL_CBWR",                 "AVX2",             "MKL",             *AVX2),
    one("openblas HASWELL",  "OPENBLAS_CORETYPE",        "HASWELL",          "OpenBLAS",        *AVX2, part=EVERYTHING),
    one("openblas ZEN",      "OPENBLAS_CORETYPE",        "ZEN",              "OpenBLAS",        *AVX2, part="both"),
    one("openblas SKYLAKEX", "OPENBLAS_CORETYPE",        "SKYLAKEX",         "OpenBLAS",        *AVX512, part="both"),
    one("numpy baseline",    "NPY_DISABLE_CPU_FEATURES", EVERY_DISPATCHED,   "NumPy",           part="numpy"),
    one("numba generic",     "NUMBA_CPU_NAME",           "generic",          "Numba",           part="numpy"),
    Row("1 thread",          dict.fromkeys(THREADS, "1"), "threads", part="both"),
    Row("2 threads",         dict.fromkeys(THREADS, "2"), "threads", part="both"),
    Row("newest versions",   python="3.11", versions="newest", part="lessons"),
    Row("oldest versions",   python="3.11", versions="oldest", part="lessons"),
    Row("python 3.12",       python="3.12", versions="newest", part="lessons"),
    Row("python 3.13",       python="3.13", versions="newest", part="lessons"),
]
# fmt: on
