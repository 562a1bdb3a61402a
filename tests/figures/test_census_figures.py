"""The pictures of a census show what it counted, and their words say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simfp as sf
from simfp.figures.training import census as figures


@pytest.fixture(scope="module")
def counted() -> sf.Census:
    x = np.concatenate(
        [np.full(50, 2.0**-30), np.full(30, 2.0**-20), np.full(15, 1.5), np.full(5, 2.0**17), np.zeros(9)]
    )
    with sf.Census() as census:
        sf.array(x, "float16")
    return census


def test_zones_meet_and_end_where_the_format_does() -> None:
    found = figures.zones(sf.float16)
    assert [round(edge, 2) for edge in (found["zeroed"][1], found["subnormal"][1], found["normal"][1])] == [
        -25,
        -14,
        16,
    ]
    edges = [edge for zone in found.values() for edge in zone]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (-math.inf, math.inf)


@pytest.mark.parametrize("dark", [False, True])
def test_the_histogram_shows_every_count_and_names_the_zones(counted: sf.Census, dark: bool) -> None:
    drawing = figures.histogram_figure(counted, "fp16", dark=dark)
    drawing.canvas.draw()
    (axes,) = drawing.axes
    stairs = axes.patches[-1].get_data().values if hasattr(axes.patches[-1], "get_data") else None
    assert stairs is not None
    assert sorted(count for count in stairs.tolist() if count) == [5, 15, 30, 50]
    assert {text.get_text() for text in axes.texts} >= {"zero", "subnormal", "normal"}
    low, high = axes.get_xlim()
    assert low <= -30 < 17 < high


def test_the_histograms_words_say_the_shares(counted: sf.Census) -> None:
    told = figures.alternative(counted, "fp16")
    assert "100 numbers that are not zero, with magnitudes from 2⁻³⁰ to 2¹⁸, most of them near 2⁻³⁰" in told
    assert "zero (below 2⁻²⁵): 50.00 %" in told
    assert "subnormal (from 2⁻²⁵): 30.00 %" in told
    assert "normal (from 2⁻¹⁴): 15.00 %" in told
    assert "overflow (from 2¹⁶): 5.00 %" in told
    assert "no numbers but zeros" in figures.alternative(counted, "fp16", phase="update")


def test_nothing_counted_is_still_a_picture(counted: sf.Census) -> None:
    figures.histogram_figure(counted, "bf16", phase="backward").canvas.draw()


def test_bars_show_the_shares_of_the_rows_and_say_them(counted: sf.Census) -> None:
    rows = counted.table(by=("operation", "phase")).rows
    drawing = figures.lost_figure(rows, "fp16")
    drawing.canvas.draw()
    (axes,) = drawing.axes
    assert [bar.get_width() for bar in axes.patches] == [50.0]
    assert [text.get_text() for text in axes.texts] == ["50.00 %"]
    assert figures.bars_alternative(rows) == "numbers that became zero:\n  array · forward: 50.00 %"
    absorbed = figures.bars_alternative(rows, share="share_absorbed")
    assert absorbed == "updates that changed nothing:\n  array · forward: nothing to lose"
    figures.lost_figure(rows, "fp16", share="share_absorbed", dark=True).canvas.draw()
