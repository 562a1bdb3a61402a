"""simfp: machine-learning number formats on a CPU, to the last bit.

The modules, in the order in which they may import one another (each only those above it):

    kernels        the hot loops, in Numba: rounding, codes, operations rounded to odd
    whole_files    files that are written whole or not at all
    commands       commands as they are typed here
    lessons_folder     where the lessons and their recordings lie
    formats        what a format is; the table of named ones; as_format
    integers       the types of integers and truth values; as_dtype
    devices        "cpu" and "cuda", in name: there is one device
    typing         types of arguments: what names a format, which words an option takes
    randomness     where chance comes from: one generator for all, unless a call names its own
    bits           values and codes: encode, decode, fields, neighbours, exact decimals
    observe        who is told of each rounding, and who of each operation
    rounding       round_to, the one home of rounding; ulp; fate; neighbours
    arithmetic     add, subtract, multiply, divide, sqrt, fma: one rounding of the exact result
    accumulation   how a sum is carried: sequential, pairwise, Kahan, blocked, exact, in float64
    tensor_core    what a step of a tensor core adds and keeps; the generations of GPUs, as data
    probing        which sums an unknown adder makes, and in which order
    measured_orders    products along the trees that a prober found
    explain        the story of one rounding
    saved_arrays   arrays as files give them back
    any_precision  NumPy's functions of single numbers, as exactly as it takes
    correct_rounding   NumPy's float64 functions, settled so that one rounding is correct
    elementwise    NumPy's ufuncs on values of a format; which format results have
    array_text     arrays of values as text, in their shortest digits
    arrays         Array: values and a Format, with NumPy's operators; matmul
    array_functions    NumPy's functions on Arrays, in tables
    products       sums and matrix products of Arrays, carried by an accumulator of one's choice
    foreach        torch's foreach kernels: the arithmetic of optimizers and of the GradScaler
    precision      which precision operations run in now; autocast's lists
    ops            operations: one row each, with its forward and its derivatives
    array_methods  torch's methods on Arrays, in a table
    autograd       Tensor: the graph of operations, and gradients back through it
    clipping       gradients held within bounds
    nn             layers and losses under torch's names
    optim          optimizers and learning-rate schedules, in the arithmetic of torch's foreach kernels on CUDA
    grad_scaler    loss scaling that finds its own scale
    amp            autocast and GradScaler
    differences    what torch has and simfp has not, or has otherwise, as data
    torchlike      torch's names for a whole script: `import simfp.torchlike as torch`
    census         who lost what: what every rounding of a training run did, counted
    tracing        which operations ran, in which formats, and which rule of autocast chose them
    experiments    data sets and training loops; they return plain data
    silicon        what real chips answered, without torch: recordings, cases, checks, verdicts, the frontier
    figures        data in, Matplotlib Axes out
    widgets        sliders over figures and experiments
    course         bets, checks, hints, the ledger of claims
    gpu            the only place that imports torch

`import simfp` brings neither Matplotlib nor ipywidgets nor torch. `docs/public_names.md` lists what it has. Of the
modules `nn`, `optim` and `amp` are among that, `sf.nn.Linear`; they are imported when they are asked for.
"""

import importlib as _importlib
import typing as _typing

from simfp import array_functions, array_methods  # noqa: F401  (they enter functions and methods of Arrays)
from simfp.accumulation import BlockedSum, ExactSum, Float64Sum, KahanSum, PairwiseSum, SequentialSum
from simfp.arithmetic import add, divide, fma, multiply, sqrt, subtract
from simfp.arrays import Array, array
from simfp.autograd import Tensor, no_grad, tensor
from simfp.bits import decode
from simfp.census import Census
from simfp.devices import Device
from simfp.explain import explain
from simfp.formats import NAMED_FORMATS as _FORMATS
from simfp.formats import Format, as_format
from simfp.integers import INTEGER_TYPES as _INTEGERS
from simfp.integers import IntegerType, as_dtype
from simfp.products import dot, matmul, sum
from simfp.rounding import encode, fate, next_down, next_up, round_to, ulp
from simfp.tensor_core import ADA, AMPERE, BLACKWELL, HOPPER, TURING, VOLTA, Generation, Order, TensorCore
from simfp.tracing import Trace

float32 = _FORMATS["float32"]
tfloat32 = _FORMATS["tfloat32"]
float16 = _FORMATS["float16"]
bfloat16 = _FORMATS["bfloat16"]
float8_e4m3fn = _FORMATS["float8_e4m3fn"]
float8_e5m2 = _FORMATS["float8_e5m2"]
float6_e2m3fn = _FORMATS["float6_e2m3fn"]
float6_e3m2fn = _FORMATS["float6_e3m2fn"]
float4_e2m1fn = _FORMATS["float4_e2m1fn"]
uint8, int8, int16 = _INTEGERS["uint8"], _INTEGERS["int8"], _INTEGERS["int16"]
int32, int64, bool = _INTEGERS["int32"], _INTEGERS["int64"], _INTEGERS["bool"]

if _typing.TYPE_CHECKING:
    from simfp import amp, nn, optim
else:

    def __getattr__(name):
        if name in ("amp", "nn", "optim"):
            return _importlib.import_module(f"simfp.{name}")
        raise AttributeError(f"module 'simfp' has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


__version__ = "0.1.0"

__all__ = [
    "ADA",
    "AMPERE",
    "BLACKWELL",
    "HOPPER",
    "TURING",
    "VOLTA",
    "Array",
    "BlockedSum",
    "Census",
    "Device",
    "ExactSum",
    "Float64Sum",
    "Format",
    "Generation",
    "IntegerType",
    "KahanSum",
    "Order",
    "PairwiseSum",
    "SequentialSum",
    "Tensor",
    "TensorCore",
    "Trace",
    "add",
    "amp",
    "array",
    "as_dtype",
    "as_format",
    "bfloat16",
    "bool",
    "decode",
    "divide",
    "dot",
    "encode",
    "explain",
    "fate",
    "float4_e2m1fn",
    "float6_e2m3fn",
    "float6_e3m2fn",
    "float8_e4m3fn",
    "float8_e5m2",
    "float16",
    "float32",
    "fma",
    "int8",
    "int16",
    "int32",
    "int64",
    "matmul",
    "multiply",
    "next_down",
    "next_up",
    "nn",
    "no_grad",
    "optim",
    "round_to",
    "sqrt",
    "subtract",
    "sum",
    "tensor",
    "tfloat32",
    "uint8",
    "ulp",
]
