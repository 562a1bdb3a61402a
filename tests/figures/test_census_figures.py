"""The picture of a census shows what it counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

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
    drawing = Figure()
    axes = figures.draw_histogram(drawing.subplots(), counted.histogram(), sf.float16, dark=dark)
    drawing.canvas.draw()
    stairs = axes.patches[-1].get_data().values if hasattr(axes.patches[-1], "get_data") else None
    assert stairs is not None
    assert sorted(count for count in stairs.tolist() if count) == [5, 15, 30, 50]
    assert {text.get_text() for text in axes.texts} >= {"zero", "subnormal", "normal"}
    low, high = axes.get_xlim()
    assert low <= -30 < 17 < high


def test_nothing_counted_is_still_a_picture(counted: sf.Census) -> None:
    drawing = Figure()
    figures.draw_histogram(drawing.subplots(), counted.histogram(phase="backward"), sf.bfloat16)
    drawing.canvas.draw()
