"""`python -m simfp.gpu` without a GPU: the prober on NumPy and on torch's CPU, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.torch


def test_the_prober_tells_numpy_s_sum_from_its_matrix_product_and_torch_s(capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "numpy.sum", "--shape", "1", "40", "1"]) == 0
    pairwise = capsys.readouterr().out
    assert "s1 = 5 x 1 (0 .. 32, every 8th)" in pairwise
    assert "each step adds one term" in pairwise
    for device in ("numpy", "cpu"):
        assert command.main(["probe", "--device", device, "--shape", "16", "40", "16"]) == 0
        product = capsys.readouterr().out
        assert product.startswith(f"{device}, float32, 16 x 40 x 16\nthe sum = ")
        assert "every 8th" not in product.split("\n")[1]


def test_a_product_of_torch_s_cpu_along_the_tree_that_was_found_has_its_bits() -> None:
    import torch

    import simfp as sf
    from simfp.gpu.probe import probe
    from simfp.probing import product_along

    finding = probe("cpu", "float32", (16, 50, 16))
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((16, 50)).astype(np.float32), rng.standard_normal((50, 16)).astype(np.float32)
    made = torch.mm(torch.from_numpy(a), torch.from_numpy(b)).numpy().astype(float)
    ways = [sf.SequentialSum("float32", fma=fma) for fma in (True, False)]
    along = [product_along(finding.tree, a.astype(float), b.astype(float), "float32", way) for way in ways]
    assert any(np.array_equal(each, made) for each in along)


def test_what_cannot_be_probed_is_refused_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "cpu", "--format", "float16"]) == 1
    assert capsys.readouterr().err == "cpu: on cpu only float32 is probed, got float16\n"
    assert command.main(["record"]) == 1
    assert "no CUDA device is available to torch" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tree.png", "tree.svg"])
def test_the_tree_is_drawn_into_a_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    file = tmp_path / name
    assert command.main(["probe", "--device", "numpy.sum", "--shape", "1", "20", "1", "--draw", str(file)]) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == [name]
    if file.suffix == ".svg":
        text = file.read_text()
        assert "numpy.sum, sums of 20" in text
        assert "Summation tree of 20 terms" in text
    else:
        with Image.open(file) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize(
    ("name", "said"),
    [("tree.gif", "a tree is drawn as one of .png, .svg, got 'tree.gif'"), ("no/tree.png", "there is no folder")],
)
def test_a_drawing_that_cannot_be_made_is_refused_before_anything_is_asked(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "numpy.sum", "--draw", str(tmp_path / name)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert list(tmp_path.iterdir()) == []
