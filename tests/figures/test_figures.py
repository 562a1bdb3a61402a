"""One look for each format, and figures that say what they show."""

import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

import simfp as sf
from simfp.experiments.memory.training_step import ITEMS
from simfp.experiments.numbers.underflow import FATES, SHIFTS, Scene, scene
from simfp.figures import palette
from simfp.figures.numbers import underflow
from simfp.figures.png import png
from simfp.formats import NAMED_FORMATS

# How three kinds of colour blindness see linear RGB: Machado, Oliveira and Fernandes, "A physiologically-based model
# for simulation of color vision deficiency", 2009 (severity 1.0).
SEEN_WITH = {
    "normal sight": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
SHOWS = ("both", "value", "gradients")


def linear(color: str) -> np.ndarray:
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(np.dot([0.2126, 0.7152, 0.0722], linear(color)))


def lab(light: np.ndarray) -> np.ndarray:
    """CIELAB, in which equal distances look about equally far apart."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(light, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_every_look_is_of_a_named_format_and_every_fate_has_one() -> None:
    assert set(palette.FORMATS) <= set(NAMED_FORMATS)  # one without a look of its own is drawn in grey
    assert tuple(palette.FATES) == FATES
    assert len({look.label for look in palette.FORMATS.values()}) == len(palette.FORMATS)
    assert palette.look(sf.Format("toy", exponent_bits=3, mantissa_bits=2)).label == "toy"


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_every_colour_stands_out_from_a_light_and_a_dark_page(page: str) -> None:
    for look in palette.FORMATS.values():
        dark, light = sorted([luminance(look.color), luminance(page)])
        assert (light + 0.05) / (dark + 0.05) >= 3, look


@pytest.mark.parametrize("sight", SEEN_WITH)
def test_formats_look_different_to_the_colour_blind_too(sight: str) -> None:
    seen = {name: lab(np.array(SEEN_WITH[sight]) @ linear(look.color)) for name, look in palette.FORMATS.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 10, (one, other)


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_every_part_of_the_memory_has_a_colour_that_stands_out(page: str) -> None:
    assert tuple(palette.ITEMS) == ITEMS
    for part in palette.ITEMS.values():
        dark, light = sorted([luminance(part.color), luminance(page)])
        assert (light + 0.05) / (dark + 0.05) >= 3, part


@pytest.mark.parametrize("sight", SEEN_WITH)
def test_parts_of_the_memory_are_told_by_colour_or_by_hatch(sight: str) -> None:
    for one, other in combinations(palette.ITEMS.values(), 2):
        seen = [lab(np.array(SEEN_WITH[sight]) @ linear(part.color)) for part in (one, other)]
        assert one.hatch != other.hatch or np.linalg.norm(seen[0] - seen[1]) > 10, (one, other)


@pytest.fixture(scope="module")
def shown() -> Scene:
    formats = tuple(sf.as_format(name) for name in ("fp16", "bf16", "e4m3", "e5m2"))
    return scene("lognormal", formats, significand="1.5")


@pytest.mark.parametrize("show", SHOWS)
@pytest.mark.parametrize("k", [SHIFTS[0], 0, 24, SHIFTS[-1]])
def test_the_figure_has_a_lane_for_each_format_that_says_its_shares(shown: Scene, show: str, k: int) -> None:
    drawing = underflow.figure(shown, k, show=show)
    titles = [axes.get_title(loc="left") for axes in drawing.axes]
    lanes = titles if show == "gradients" else titles[1:]
    assert [title.split(":")[0] for title in lanes] == ["fp16", "bf16", "fp8 e4m3", "fp8 e5m2"]
    words = underflow.alternative(shown, k, show=show)
    assert f"k = {k}:" in words
    if show != "value":
        assert all(f"  {title}\n" in words + "\n" for title in lanes)


def test_the_words_tell_bits_value_error_and_fate(shown: Scene) -> None:
    words = underflow.alternative(shown, 24).splitlines()
    assert words[0] == "Underflow slider at k = 24: everything × 2⁻²⁴ ≈ 5.96046e-8."
    assert "  fp16: 0 00000 0000000010 is 1.19209e-7, error +33.3 %; subnormal, rounded: 2 of 11 bits left" in words
    assert "  fp8 e4m3: 0 0000 000 is 0, error −100 %; zero: lost" in words


def test_the_close_up_shows_the_neighbourhood_of_the_floor(shown: Scene) -> None:
    assert underflow.figure(shown, 4, close_up=True).axes[-1].get_xlim() == (-50, 30)
    assert underflow.figure(shown, 4).axes[-1].get_xlim() == (-140, 30)
    assert underflow.figure(shown, 60, close_up=True).axes[-1].get_xlim() == (-140, 30)  # it would be out of sight


@pytest.mark.parametrize("dark", [False, True])
def test_a_png_is_small_and_has_the_colours_of_its_page(shown: Scene, dark: bool) -> None:
    picture = png(underflow.figure(shown, 6, dark=dark))
    assert len(picture) < 30_000
    image = Image.open(io.BytesIO(picture)).convert("L")
    assert image.size[0] == 720
    assert (np.median(np.asarray(image)) < 60) == dark
