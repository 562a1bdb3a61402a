"""Lesson 07's bets: which gradients vanish in fp16, where, and what it takes to keep them."""

from __future__ import annotations

from simfp.course.bets import Bet
from simfp.course.lessons.lesson_07.facts import (
    CHANGES,
    PLACES,
    by_layer,
    change,
    ends,
    lost_in_all,
    points_lost,
    worst,
)
from simfp.figures.words import decimal

__all__ = ["BETS"]

BETS = (
    Bet(
        "07.1",
        "A small network learns to read digits in fp16, 300 steps, with no loss scaling. Of all numbers in its "
        "backward pass that are not zero, how many per cent does fp16 turn into zero?",
        truth=lost_in_all,
        story=lambda share: f"{share:.1f} %, and no error, no warning, no strange loss told you.",
        unit="%",
        near=lambda bet, share: share / 2 <= bet <= 2 * share,
    ),
    Bet(
        "07.2",
        "While the network learns, does the share that is lost grow or shrink, or does it stay?",
        truth=change,
        story=lambda what: (
            f"It {what}: from {ends()[0]:.2%} of the first 30 steps to {ends()[1]:.1%} of the last 30. A network that "
            f"is nearly always right has small errors, and gradients are made of errors."
        ),
        options=CHANGES,
    ),
    Bet(
        "07.3",
        "Three linear layers and the loss: where is most lost, in the first, the middle or the last layer, or in the "
        "loss?",
        truth=worst,
        story=lambda place: (
            f"In the {place}: {by_layer()[place]:.0%} of its numbers, and {by_layer()['first']:.1%} in the first "
            f"layer. The loss's gradient is a probability divided by the size of the batch; for a digit that the "
            f"network does not even consider, that is next to nothing."
        ),
        options=PLACES,
    ),
    Bet(
        "07.4",
        "The same network in fp32, same seed. By how many percentage points of right answers is it better?",
        truth=points_lost,
        story=lambda points: (
            f"By {decimal(points, 2)} points. What was lost here were mostly the gradients of answers that were right "
            f"already. Silent, and harmless: so far. Make every gradient smaller, and the same network is lost."
        ),
        unit="points",
        near=lambda bet, points: abs(bet - points) <= 1.5,
    ),
)
