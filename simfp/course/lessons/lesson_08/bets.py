"""Lesson 08's bets: how far gradients can be shifted, what stops one, and who looks for the place."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_08 import answers
from simfp.course.lessons.lesson_08.facts import held, last_scale, narrows, share_changed, widths
from simfp.experiments.mixed_precision import loss_scale
from simfp.figures.words import decimal

__all__ = ["BETS"]

BETS = (
    Bet(
        "08.1",
        "A loss is multiplied by 3,000, not by 4,096; the gradients come in fp16 and are divided by 3,000 again. In "
        "how many per cent of them has some bit changed?",
        truth=lambda: share_changed(3000.0),
        story=lambda share: (
            f"{share:.1f} %. With 4,096 it is {share_changed(4096.0):.2f} %. A power of two moves the exponent and "
            f"leaves the digits alone, at every rounding on the way; any other number makes all of them fall elsewhere."
        ),
        unit="%",
        near=lambda bet, share: abs(bet - share) <= 10,
    ),
    Bet(
        "08.2",
        "Some scales lose hardly any gradient and overflow none: that is the window. What becomes of it while a "
        "network learns?",
        truth=narrows,
        story=lambda what: (
            f"It gets {what}: {', '.join(map(str, widths()))} powers of two will do after "
            f"{', '.join(str(window.step) for window in loss_scale.windows(answers.NETWORK))} steps. A network that is "
            f"sure of most samples has tiny gradients for them, and still large ones for the few that it gets wrong."
        ),
        options=("wider", "narrower", "the same"),
    ),
    Bet(
        "08.3",
        "The forward pass overflows in every step, so GradScaler backs off every time. Where does its scale end?",
        truth=lambda: decimal(last_scale()[0]),
        story=lambda end: (
            f"At {end}, after {last_scale()[1]} steps, without a word. The scale is a float32: it halves through all "
            f"the subnormals and then it is gone. A scale can shift gradients; what overflowed before there were any "
            f"is out of its reach."
        ),
        options=("0", "1", "an error"),
        from_number=decimal,
    ),
    Bet(
        "08.4",
        "The scale is held at 2⁻¹⁴, far too low: about a third of all weight gradients are lost, in every step. After "
        "100 steps, what will you say of the perceptron?",
        truth=lambda: "learns" if held()[2] < held()[1] / 4 else "stalls",
        story=lambda what: (
            f"It {what}: {100 * held()[0]:.0f} % were lost on average, and the "
            f"loss went from {held()[1]:.2f} to {held()[2]:.2f}. The lost ones are the smallest, and SGD moves little "
            f"by them. How many are lost says less than which."
        ),
        options=("learns", "stalls"),
    ),
)
