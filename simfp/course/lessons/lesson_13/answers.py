"""The right answers to lesson 13's exercises, and the typical wrong ones, each with what is to be said of it."""

from __future__ import annotations

from functools import cache

from simfp.course.judges.mistakes import Impostor, Slip, Symptom
from simfp.experiments.memory.model_sizes import GPT_SIZES, as_recipe
from simfp.experiments.memory.training_step import memory

__all__ = [
    "ATTAINABLE_CASES", "ATTAINABLE_IMPOSTORS", "ATTAINABLE_SYMPTOMS", "CARD", "MODEL", "PER_PARAMETER_SLIPS",
    "attainable", "batch_slips", "largest_batch", "per_parameter", "spell_number", "spell_roof",
]  # fmt: skip

GIB = 2**30
CARD = 80 * GIB
MODEL = GPT_SIZES[2]  # 774M


def per_parameter() -> int:
    """13.a: bytes for each parameter of a linear layer, just before the optimizer's step, its cast included."""
    recipe = as_recipe("fp16")
    weights, copy = 4 if recipe.weights == "float32" else 2, 2
    return weights + copy + weights + 2 * weights  # the weight, its copy, its gradient, two states


# fmt: off
PER_PARAMETER_SLIPS = (
    Slip(lambda n: n == 2,  "2 bytes are the fp16 copy alone. The weight itself is there too, and what AdamW keeps."),
    Slip(lambda n: n == 4,  "4 bytes are the fp32 weight alone."),
    Slip(lambda n: n == 6,  "4 + 2: weight and copy. AdamW keeps two numbers for each parameter, and there is a "
                            "gradient."),
    Slip(lambda n: n == 8,  "4 + 4? Count again: weight, copy, gradient, and two states of AdamW."),
    Slip(lambda n: n == 10, "With everything in 16 bits five numbers would take 10 bytes. Under autocast four of the "
                            "five are fp32."),
    Slip(lambda n: n == 12, "4 + 4 + 4: what is there between steps. In the backward pass there are the gradient and "
                            "the copy too."),
    Slip(lambda n: n == 14, "One fp32 number is missing: AdamW keeps two, a mean of gradients and a mean of squares."),
    Slip(lambda n: n == 16, "That is fp32 training: weight, gradient, two states, 4 bytes each. Or fp16 weights and "
                            "gradients beside an fp32 master and states, 2 + 2 + 4 + 4 + 4, as some libraries do it. "
                            "autocast keeps the gradient in fp32, and makes a copy besides."),
    Slip(lambda n: n == 20, "The copy has 2 bytes, not 4."),
)
# fmt: on


@cache
def largest_batch(recipe: str = "fp16", *, checkpointing: bool = False, card: float = CARD) -> int:
    """13.b: the most sequences of 1,024 tokens with which a training step of MODEL fits into `card` bytes."""
    batch = 0
    while memory(MODEL, recipe, batch + 1, checkpointing=checkpointing).peak <= card:
        batch += 1
    return batch


def batch_slips() -> tuple[Slip, ...]:
    """Wrong answers to 13.b, computed."""
    right = largest_batch()
    plain, narrow, saved = largest_batch("fp32"), largest_batch("bf16_weights"), largest_batch(checkpointing=True)
    powers = 1 << (right.bit_length() - 1)
    decimal = largest_batch(card=80e9)

    def peak(batch: float) -> str:
        return f"{memory(MODEL, 'fp16', int(batch)).peak / GIB:.1f} GiB"

    return (
        Slip(
            lambda n: not n.is_integer(),
            "A batch is a whole number of sequences. Round down: what is over does not fit.",
        ),
        Slip(lambda n: n == right + 1, lambda n: f"One too many: {n:.0f} sequences take {peak(n)}."),
        Slip(lambda n: n == plain, f"{plain} is the largest batch of fp32. The recipe here is fp16 autocast."),
        Slip(lambda n: n == 2 * plain, f"Twice fp32's {plain}: that would be so if everything halved."),
        Slip(lambda n: n == narrow, f"{narrow} is for bf16 weights. Under autocast weights and states stay fp32."),
        Slip(lambda n: n == saved, f"{saved} is with checkpointing. It is off here."),
        Slip(lambda n: n == decimal, "80 GiB are 80 × 2³⁰ bytes; you took 80 × 10⁹."),
        Slip(
            lambda n: n == powers,
            f"{powers} fits, with {peak(powers)}. But a batch need not be a power of two. How many more fit?",
        ),
        Slip(lambda n: 0 < n < right, lambda n: f"{n:.0f} fits, with {peak(n)}. More do."),
        Slip(lambda n: right < n <= 512, lambda n: f"{n:.0f} sequences take {peak(n)}: too much."),
    )


def attainable(flops: float, moved: float, peak: float, bandwidth: float) -> float:
    """13.c: the most operations a second, of the two limits the lower."""
    return min(peak, bandwidth * flops / moved)


ATTAINABLE_CASES: tuple[tuple[float, ...], ...] = (
    (2.0**28, 2.0**31, 2.0**46, 2.0**42),  # relu of 2**28 values in fp32
    (2.0**40, 3 * 2.0**27, 2.0**49, 2.0**42),  # a product of 8192 x 8192 matrices in fp16
    (2.0**28, 2.0**30, 2.0**46, 2.0**42),
    (2.0**20, 2.0**13, 2.0**49, 2.0**42),  # on the corner
    (2.0**25, 3 * 2.0**17, 2.0**49, 2.0**42),
)


def spell_roof(flops: float, moved: float, peak: float, bandwidth: float) -> str:
    """A call's arguments as a message names them."""
    return ", ".join(f"{value:.3g}" for value in (flops, moved, peak, bandwidth))


def spell_number(x: float) -> str:
    """A rate as a message names it."""
    return f"{x:.4g}"


ATTAINABLE_IMPOSTORS = (
    Impostor(
        lambda flops, moved, peak, bandwidth: max(peak, bandwidth * flops / moved),
        "For `{call}` you return {said}; right is {right}. Of two limits the *lower* one holds: `min`.",
    ),
    Impostor(
        lambda flops, moved, peak, bandwidth: peak,
        "For `{call}` you return {said}, the arithmetic's limit, as if bytes came for free. Right is {right}: this one "
        "waits for memory.",
    ),
    Impostor(
        lambda flops, moved, peak, bandwidth: bandwidth * flops / moved,
        "For `{call}` you return {said}: more than the arithmetic can do. Right is {right}; the roof is flat there.",
    ),
    Impostor(
        lambda flops, moved, peak, bandwidth: min(peak, bandwidth * moved / flops),
        "The intensity is upside down: for `{call}` you return {said}; right is {right}. It is operations *for each "
        "byte*: `flops / moved`.",
    ),
    Impostor(
        lambda flops, moved, peak, bandwidth: min(peak, bandwidth),
        "`bandwidth` counts bytes a second, not operations. For `{call}` you return {said}; right is {right}. How many "
        "operations come with each byte?",
    ),
    Impostor(
        lambda flops, moved, peak, bandwidth: max(flops / peak, moved / bandwidth),
        "That is the *time*: for `{call}` you return {said} seconds. Wanted is the rate, {right} operations a second: "
        "`flops` divided by that time.",
    ),
)

ATTAINABLE_SYMPTOMS = (
    Symptom(
        lambda case, said, right: said > case[2],
        "For `{call}` you return {said}, more than `peak`. Right is {right}.",
    ),
)
