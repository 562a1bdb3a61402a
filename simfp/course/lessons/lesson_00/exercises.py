"""Lesson 00's exercises: how bets, sliders and exercises work, and how many numbers a format has."""

from __future__ import annotations

from simfp import float16
from simfp.course.exercises import Exercise
from simfp.course.judges.mistakes import Slip
from simfp.course.judges.numbers import NumberJudge
from simfp.course.lessons.lesson_00.facts import SLIDER_START, count
from simfp.figures.words import power_of_two
from simfp.formats import NAMED_FORMATS, Format

__all__ = ["EXERCISES"]

SLIDER_GOAL = 10


def step_count(fmt: Format) -> int:
    """How many numbers `fmt` has from 1 up to, but without, 2."""
    return 1 << fmt.mantissa_bits


EXERCISES = (
    Exercise(
        "00.a",
        "How many numbers does fp16 have from 1 up to, but without, 2?",
        NumberJudge(
            wants="a number: how many there are",
            right=lambda n: n == count(1.0, 2.0),
            praise=lambda n: (
                f"{n:,.0f}. From 2 to 4 there are {count(2.0, 4.0):,}, from 1/4 to 1/2 "
                f"{count(0.25, 0.5):,}: each doubling gets as many, whatever its width. So small numbers lie closely, "
                f"and large ones far apart."
            ),
            slips=(
                Slip(lambda n: n == count(1.0, 2.0) + 1, "One too many: 2 itself is not to be counted. Use `< 2`."),
                Slip(lambda n: n == count(1.0, 2.0) - 1, "One too few: 1 itself counts. Use `>= 1`."),
                Slip(lambda n: n == count(1.0, 2.0) - 2, "Two too few: is 1 in it, and the last number below 2?"),
                Slip(
                    lambda n: n in (2 * count(1.0, 2.0), 2 * count(1.0, 2.0) + 2),
                    "Twice as many as there are. Are the negative numbers in it, or those from 2 to 4?",
                ),
                Slip(
                    lambda n: n == float16.mantissa_bits,
                    "That is how many bits the mantissa has. How many numbers can so many bits write?",
                ),
                Slip(
                    lambda n: n == float16.precision,
                    "That is the precision in bits, the leading one counted. From 1 to 2 the leading one is fixed: the "
                    "other bits choose the number.",
                ),
                *(
                    Slip(
                        lambda n, fmt=fmt: n == step_count(fmt),  # type: ignore[misc]
                        f"So many has {name}: another format.",
                    )
                    for name, fmt in NAMED_FORMATS.items()
                    if fmt not in (NAMED_FORMATS["tfloat32"], float16)
                ),
                Slip(lambda n: n >= 2**float16.bits, "fp16 has only 65,536 codes in all."),
                Slip(
                    lambda n: n == count(-1.0, 1.0) - 1,
                    "So many lie between -1 and 1: the bet's question. This one is about 1 to 2.",
                ),
                Slip(lambda n: n <= 1, "fp16 has fractions: 1.5 is one of them, and it is not alone."),
            ),
            otherwise="Not {said}. All values are in `values`: count those that are at least 1 and less than 2.",
        ),
        (
            "`values >= 1` is an array of True and False, one for each value.",
            "`(values >= 1) & (values < 2)` is True where both hold; `np.sum` counts the Trues.",
            "`np.sum((values >= 1) & (values < 2))`",
        ),
    ),
    Exercise(
        "00.b",
        "Move the slider until its number is 1/1024: drag the handle, or click it and press the left arrow. Then run "
        "this cell again. (No slider there? “If something is missing”, further up, helps.)",
        NumberJudge(
            wants="where the slider stands: `slider.k`, a number",
            right=lambda k: k == SLIDER_GOAL,
            praise=lambda k: (
                f"k = {k:.0f}, and {power_of_two(-SLIDER_GOAL)} = {2.0**-k!r} = 1/{2**k:.0f}. Only the exponent "
                f"changed. What you drag, Python knows; and `slider.k = 3`, in a cell, moves the slider."
            ),
            slips=(
                Slip(
                    lambda k: k == -SLIDER_GOAL,
                    "That is 1024, on the other side: to the right the number doubles, to the left it is halved.",
                ),
                Slip(
                    lambda k: k == 2**SLIDER_GOAL,
                    "1024 is what 1 is divided by. Give where the slider stands: `slider.k`.",
                ),
                Slip(
                    lambda k: k == 2.0**-SLIDER_GOAL,
                    "That is the number itself. Give where the slider stands: `slider.k`.",
                ),
                Slip(
                    lambda k: abs(k - SLIDER_GOAL) == 1,
                    lambda k: f"Very near: at k = {k:.0f} it is 1/{2**k:.0f}. The arrow keys move by one step.",
                ),
                Slip(
                    lambda k: k > SLIDER_GOAL,
                    lambda k: f"Too far left: 1 has been halved {k:.0f} times there. 1024 is {power_of_two(10)}.",
                ),
                Slip(
                    lambda k: 0 < k < SLIDER_GOAL,
                    lambda k: f"Not far enough: at k = {k:g} the number is 1/{2**k:g}.",
                ),
            ),
            otherwise="k = {said} is to the right of 1, where numbers grow. 1/1024 is smaller than 1.",
        ),
        ("Each step to the left halves the number.", "1024 = 2¹⁰: how often must 1 be halved?"),
        untouched=SLIDER_START,
    ),
)
