"""The right answers to lesson 10's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import Tensor, Trace, nn
from simfp.amp import autocast
from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Impostor, refusal
from simfp.figures.words import decimal
from simfp.nn.functional import mse_loss, relu, softmax
from simfp.precision import rule_of
from simfp.tracing import RULES, Forward, reason

__all__ = [
    "DTYPE_CASES", "DTYPE_IMPOSTORS", "EXPRESSIONS", "MendedJudge", "autocast_dtype", "expression_formats", "inputs",
    "layer", "norm", "rule_in_words", "why_of_expression",
]  # fmt: skip


def rule_in_words(operation: str) -> str:
    """Which list an operation stands in, and why."""
    return f"`{operation}`: {RULES[rule_of(operation)]} ({reason(operation)})."


# ---- 10.a: ten expressions ----

EXPRESSIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "x @ w": lambda x, w, h: x @ w,
    "x * 2": lambda x, w, h: x * 2,
    "h * h": lambda x, w, h: h * h,
    "h ** 2": lambda x, w, h: h**2,
    "h.sum()": lambda x, w, h: h.sum(),
    "h.mean()": lambda x, w, h: h.mean(),
    "x + h": lambda x, w, h: x + h,
    "relu(x @ w)": lambda x, w, h: relu(x @ w),
    "softmax(h, -1)": lambda x, w, h: softmax(h, -1),
    "mse_loss(h, h)": lambda x, w, h: mse_loss(h, h),
}


@cache
def _traced() -> dict[str, Forward]:
    """The last operation of each expression, as it ran."""
    square = np.eye(2, dtype=np.float32)
    x, w, h = Tensor(square), Tensor(square), Tensor(square, dtype="float16")
    found = {}
    for text, run in EXPRESSIONS.items():
        with Trace() as trace, autocast():
            run(x, w, h)
        found[text] = trace.forward[-1]
    return found


def expression_formats() -> dict[str, Any]:
    """10.a: the format of each expression, asked of simfp."""
    return {text: step.fmt for text, step in _traced().items()}


def why_of_expression(text: str) -> str:
    """The rule behind an expression."""
    return rule_in_words(_traced()[text].operation)


# ---- 10.b: the norm that overflows ----

WIDTH = 16


def _layer() -> nn.Linear:
    made = nn.Linear(WIDTH, WIDTH, bias=False, rng=np.random.default_rng(10))
    made.weight.data = made.weight.data * 100.0
    return made


layer = _layer()
inputs: NDArray[np.float32] = np.random.default_rng(11).normal(0, 6, (4, WIDTH)).astype(np.float32)


def norm(x: Any) -> Tensor:
    """The forward pass of 10.b, as it is handed out: its squares overflow."""
    h = layer(x)
    size = (h * h).mean(-1, keepdim=True)
    return h * (size + 1e-6).rsqrt()  # type: ignore[no-any-return]


def _wanted() -> NDArray[np.float64]:
    """What `norm` would return, h rounded to fp16 as the layer returns it, and all the rest in float64."""
    with autocast():
        h = layer(inputs).data.values.astype(np.float64)
    return np.asarray(h / np.sqrt((h * h).mean(-1, keepdims=True) + 1e-6))


@dataclass(frozen=True)
class MendedJudge:
    """Judges a forward pass by its trace under fp16 autocast: no infinity, the layer in fp16, the right values."""

    tolerance: float = 2.0**-9  # relative: a few roundings to fp16

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is a mended `norm`, and if not, why."""
        refused = refusal(answer, "mended")
        if refused:
            return Judgement(False, refused)
        with Trace(layer) as trace, autocast(), np.errstate(all="ignore"):
            try:
                out = answer(inputs)
            except Exception as error:
                return Judgement(False, f"Your function raised {type(error).__name__}: {error}.")
        if out is None:
            return Judgement(False, "Your function returned None. Is a `return` missing?")
        if not isinstance(out, Tensor) or out.shape != inputs.shape:
            shape = out.shape if isinstance(out, Tensor) else short(out)
            return Judgement(False, f"It should return a tensor of shape {inputs.shape}; got {shape}.")
        return self._of(trace, out)

    def _of(self, trace: Trace, out: Tensor) -> Judgement:
        product = next((step for step in trace.forward if step.operation in ("linear", "matmul")), None)
        if product is None:
            return Judgement(False, "No product ran: `h = layer(x)` has to stay.")
        if product.fmt == "float32":
            return Judgement(
                False,
                "Nothing overflows, but now the layer itself runs in fp32, and the tensor cores stand idle. Widen only "
                "what needs it: what comes after the layer.",
            )
        if product.fmt != "float16":
            return Judgement(
                False,
                f"With {product.fmt} nothing overflows: it has float32's range, and in practice that is a good way "
                "out. Here the layer is to stay in fp16; mend what comes after it.",
            )
        origin = trace.first_infinite()
        if origin is not None:
            return Judgement(False, self._overflow(trace, origin))
        off = np.max(np.abs(out.data.values - _wanted()) / np.abs(_wanted()))
        if not off <= self.tolerance:
            return Judgement(
                False,
                f"No infinity any more, but the values are wrong: off by up to {100 * float(off):.3g} %. Do not change "
                "what is computed (no clamping, no other norm), only the format that it is computed in.",
            )
        how = _way_out(trace)
        return Judgement(
            True, f"Right: {how} The layer still runs in fp16, and no value is off by more than a few ulp."
        )

    def _overflow(self, trace: Trace, origin: Forward) -> str:
        largest = max((step.largest for step in trace.forward[: origin.number]), default=0.0)
        where = f"step {origin.number}, `{origin.operation}` in {origin.fmt}: {origin.infinite} values are infinite"
        told = f"Still too large: {where}; {decimal(largest, 4)} squared is {decimal(largest**2, 4)}, and fp16 ends at "
        told += "65,504. "
        later = [step for step in trace.forward[origin.number + 1 :] if step.operation == "_to_copy"]
        if later:
            return told + "A cast comes, but after the square: infinity widened is infinity. Cast before."
        if not origin.autocast:
            return told + (
                "Switching autocast off casts nothing: h is in fp16 already, and the square is in the format of its "
                "inputs. Widen h as well: `h.float()`."
            )
        return told + "`mul` stands in no list, so it follows its inputs. Bring h to fp32 before it is squared."


def _way_out(trace: Trace) -> str:
    names = [step.operation for step in trace.forward]
    if "pow" in names:
        return "`pow` stands in the fp32 list, and so the square runs in fp32, where `h * h` did not."
    if "rms_norm" in names:
        return "`rms_norm` stands in the fp32 list, as all norms do: that is what they are there for."
    if any(not step.autocast for step in trace.forward):
        return "with h in fp32, in a region without autocast, all that follows is in fp32."
    return "with h in fp32 before the square, the square follows it."


# ---- 10.c: autocast_dtype ----

# fmt: off
DTYPE_CASES: tuple[tuple[str, ...], ...] = (
    ("matmul", "fp32", "fp32"), ("linear", "fp16", "fp32"), ("conv2d", "bf16", "bf16"), ("mm", "fp32", "fp16"),
    ("exp", "fp16"), ("log", "bf16"), ("pow", "fp16"), ("layer_norm", "fp16", "fp32", "fp32"),
    ("mse_loss", "fp16", "fp32"),
    ("sum", "fp16"), ("softmax", "fp16"), ("sum", "fp32"), ("log_softmax", "bf16"), ("norm", "fp16"),
    ("mean", "fp16"), ("relu", "fp16"), ("gelu", "fp32"), ("relu", "bf16"), ("mean", "fp32"),
    ("add", "fp16", "fp32"), ("mul", "fp32", "fp16"), ("add", "fp16", "bf16"), ("mul", "bf16", "bf16"),
    ("cat", "fp16", "fp32"), ("batch_norm", "fp16"), ("dot", "fp16", "fp16"), ("addcmul", "fp16", "fp16", "fp32"),
)
# fmt: on


def _promoted(formats: tuple[str, ...]) -> str:
    return formats[0] if len(set(formats)) == 1 else "fp32"


def _dtype(name: str, formats: tuple[str, ...], *, follows: Any = _promoted, low: Any = None) -> str:
    rule = rule_of(name)
    if rule == "lower_precision":
        return str(low(formats)) if low else "fp16"
    if rule.startswith("float32"):
        return "fp32"
    return str(follows(formats))


def autocast_dtype(name: str, *formats: str) -> str:
    """10.c: the format that an operation runs in under autocast(dtype=fp16), its inputs in these formats."""
    return _dtype(name, formats)


DTYPE_IMPOSTORS = (
    Impostor(
        lambda name, *formats: "fp16",
        "Not all runs in fp16: `{call}` is {right}. Ask `rule` which list the operation stands in.",
    ),
    Impostor(
        lambda name, *formats: _promoted(formats),
        "That is type promotion, as without autocast: `{call}` returns {said}; it is {right}. The lists come first.",
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats, follows=lambda formats: "fp16"),
        "What stands in no list is not cast down: `{call}` returns {said}; it is {right}. It follows its inputs.",
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats, follows=lambda formats: "fp32"),
        "What stands in no list is not cast up: `{call}` returns {said}; it is {right}. It follows its inputs.",
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats, follows=lambda formats: formats[0]),
        "You take the format of the first input: `{call}` returns {said}; it is {right}. Two that differ meet in fp32.",
    ),
    Impostor(
        lambda name, *formats: _dtype(
            name, formats, follows=lambda formats: "fp32" if "fp32" in formats else formats[0]
        ),
        "fp16 and bf16 have no common format of 16 bits: neither holds the other's numbers. `{call}` is {right}; you "
        "return {said}.",
    ),
    Impostor(
        lambda name, *formats: (
            _promoted(formats) if rule_of(name) == "float32_unless_dtype_given" else _dtype(name, formats)
        ),
        "There are more lists than two: `{call}` returns {said}; it is {right}. Its rule is "
        '"float32_unless_dtype_given", and here no dtype is given.',
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats, low=lambda formats: "fp16" if "fp32" in formats else formats[0]),
        "The 16-bit list means autocast's dtype, whatever came in: `{call}` returns {said}; it is {right}.",
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats) if rule_of(name) != "widest" else "fp16",
        '`{call}` returns {said}; it is {right}. The list "widest" takes the widest of its inputs\' formats.',
    ),
    Impostor(
        lambda name, *formats: _dtype(name, formats) if rule_of(name) != "widest" else "fp32",
        '`{call}` returns {said}; it is {right}. The list "widest" takes the widest of its inputs\' formats, not fp32.',
    ),
)
