"""Lesson 06's bets: what a tensor core adds, in what order, and what it throws away."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_06.facts import additions, as_rounded_once, first_to_last, recorded_orders, vanishing
from simfp.experiments.numbers import adders
from simfp.probing import masks_for, summation_tree, survivors

__all__ = ["BETS"]

BETS = (
    Bet(
        "06.1",
        "A tensor core takes fp16 numbers and adds in fp32, so they say. 32 × 32 − 32 × 32 + 2⁻⁸ × 2⁻⁸: what is it?",
        truth=vanishing,
        story=lambda total: (
            f"{total:g}. All terms are aligned to the largest, 1024, and cut off 25 bits below it: at 2⁻¹⁵. The "
            f"last term, 2⁻¹⁶, is gone before the large ones have cancelled. In fp32, one after the other, it "
            f"would be left."
        ),
        near=lambda bet, total: bet == total,
    ),
    Bet(
        "06.2",
        "A recorded fp16 product, 2,304 sums of 64 products. How many per cent of them are the exact sum, rounded once "
        "to fp32?",
        truth=as_rounded_once,
        story=lambda share: (
            f"{share:.0f} %. The others are off by an ulp or a few, and most of them toward zero: whatever is cut off "
            f"makes a term smaller."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 12,
    ),
    Bet(
        "06.3",
        "np.sum adds 32 numbers in float32. Through how many additions does the first of them go?",
        truth=lambda: float(additions(summation_tree(survivors(adders.numpy_sum, 32, masks_for("float32")), 32), 0)),
        story=lambda depth: (
            f"{depth:.0f}, asked of the NumPy of this machine. One after the other it would be 31. NumPy keeps eight "
            f"running sums, each of every eighth term, and adds them in pairs at the end."
        ),
        near=lambda bet, depth: abs(bet - depth) <= 1,
    ),
    Bet(
        "06.4",
        "An H100 was asked for matrix products of thousands of shapes, in four formats. In how many per cent of the "
        "shapes are the products summed from the first to the last?",
        truth=first_to_last,
        story=lambda share: (
            f"{share:.0f} % of {len(recorded_orders()):,} shapes. The others are summed in several parts, or in "
            f"steps of other sizes: which order it is depends on the shape, and so does the last bit of your result."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 10,
    ),
)
