"""`python -m simfp.gpu validate` and `compare` on a CPU: what is judged, what is written, what is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.experiments.numbers import adders
from simfp.silicon import compare
from simfp.silicon.backends import Answer
from simfp.silicon.device_checks import Check

pytestmark = pytest.mark.torch

SUITES = ("casts", "scaler")


def command(*arguments: str) -> int:
    from simfp.gpu import __main__ as made

    return made.main(["validate", "--device", "cpu", "--quick", *arguments])


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    assert command("--suite", "scaler", "losses", "--report", str(path)) == 0
    return path


def invented(made: Any) -> Check:
    """A check whose answers are as told."""
    return Check("invented", "losses", made, everywhere=True)


def test_casts_are_equal_on_a_cpu_and_what_only_cuda_does_is_not_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("--suite", "casts", "scaler", "softmax") == 0
    told = capsys.readouterr().out
    assert "no GPU: Hopper's orders are shown beside it, and not judged" in told
    lines = {line.split()[0]: line.split() for line in told.splitlines() if line and not line.startswith("[")}
    assert lines["casts"][1:5] == ["14", "14", "0", "0"]
    assert lines["scaler"][1] == "2"  # equal where the processor's kernels have an fma for the step, as CUDA's have
    assert int(lines["scaler"][2]) + int(lines["scaler"][5]) == 2
    assert lines["softmax"][4] == "0"
    assert "DIFFERS" not in told.replace("frontier  DIFFERS  not judged", "")


def test_a_report_is_two_whole_files_that_say_what_was_asked(report: Path) -> None:
    made = compare.read(report)
    assert [row["suite"] for row in made["rows"]].count("scaler") == 2
    assert made["provenance"]["script"] == "python -m simfp.gpu validate --device cpu --quick --suite scaler losses"
    assert (made["stopped"], made["left"], made["asked"], made["quick"]) == (False, 0, "cpu", True)
    page = report.with_suffix(".html").read_text()
    assert page.startswith("<!doctype html>")
    for row in made["rows"]:
        assert row["name"] in page
    assert sorted(each.name for each in report.parent.iterdir()) == ["report.html", "report.json"]
    assert "http" not in page


def test_an_element_is_shown_in_bits_on_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--check", "abs float16", "--element", "32769") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "result, element [32769] of shape [65536], float16"
    assert lines[1].split()[2:6] == ["0", "00000", "0000000001", "0x0001"]
    assert lines[1].split()[2:] == lines[2].split()[1:]
    assert lines[3] == "the same bits"
    assert command("--check", "abs float16", "--element", "131072") == 2
    assert "this check has elements 0 to 131071, got 131072" in capsys.readouterr().err


def test_what_differs_and_should_not_is_told_with_the_line_that_shows_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from simfp.gpu import validate_command
    from simfp.gpu.on_device import OnDevice

    def ask(backend: Any, quick: bool) -> dict[str, Answer]:
        codes = np.array([0x3C00, 0x3C00 + isinstance(backend, OnDevice), 0x4000], np.uint16)
        return {"result": Answer(codes, "float16")}

    monkeypatch.setattr(validate_command, "checks", lambda: (invented(ask),))
    assert command("--report", str(tmp_path / "report.json")) == 1
    told = capsys.readouterr().out
    assert "DIFFERS 3 elements, 1 differ, by up to 1 ulp" in " ".join(told.split())
    assert "python -m simfp.gpu validate --device cpu --quick --check invented --element 1\n" in told
    assert command("--check", "invented", "--element", "1") == 0
    assert capsys.readouterr().out.endswith("1 ulp apart\n")


def test_ctrl_c_keeps_what_was_done_and_the_report_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from simfp.gpu import validate_command

    def stop(backend: Any, quick: bool) -> dict[str, Answer]:
        raise KeyboardInterrupt

    every = validate_command.checks()
    monkeypatch.setattr(validate_command, "checks", lambda: (*every[:2], invented(stop), *every[2:4]))
    path = tmp_path / "report.json"
    assert command("--report", str(path)) == 130
    assert "It was stopped: 3 checks were not made." in capsys.readouterr().out
    made = compare.read(path)
    assert (made["stopped"], made["left"], len(made["rows"])) == (True, 3, 2)
    assert "It was stopped" in path.with_suffix(".html").read_text()


def test_a_check_for_which_memory_does_not_suffice_is_not_asked_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from simfp.gpu import validate_command

    def full(backend: Any, quick: bool) -> dict[str, Answer]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    every = validate_command.checks()
    monkeypatch.setattr(validate_command, "checks", lambda: (invented(full), every[0]))
    assert command() == 0
    told = capsys.readouterr().out
    assert "not asked: the GPU's memory does not suffice, or others use it" in told
    assert "1 equal, 1 not asked" in told
    with pytest.raises(RuntimeError, match="a recording is whole, or there is none; invented, not asked: the GPU's"):
        validate_command.operations("cpu")


def test_where_simfp_itself_fails_that_is_a_difference_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from simfp.gpu import validate_command
    from simfp.gpu.on_device import OnDevice

    def fail(backend: Any, quick: bool) -> dict[str, Answer]:
        if not isinstance(backend, OnDevice):
            raise IndexError("no such axis")
        return {"result": Answer(np.array([0x3C00], np.uint16), "float16")}

    every = validate_command.checks()
    monkeypatch.setattr(validate_command, "checks", lambda: (invented(fail), every[0]))
    assert command("--report", str(tmp_path / "report.json")) == 1
    told = capsys.readouterr().out
    assert "DIFFERS: simfp fails with IndexError: no such axis" in told
    assert "1 equal, 1 DIFFERS" in told
    assert "simfp fails with IndexError" in (tmp_path / "report.html").read_text()


def test_a_product_whose_order_cannot_be_found_is_not_asked_for_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from simfp.gpu import training
    from simfp.gpu.on_device import OnDevice
    from simfp.gpu.validate import run
    from simfp.silicon.backends import Simulated
    from simfp.silicon.device_checks import checks

    def changing(*_: Any, **__: Any) -> Any:
        return lambda pairs: np.arange(len(pairs)) % 3

    monkeypatch.setattr(training, "count_on", changing)
    model = Simulated(sf.HOPPER, orders=lambda run: training.orders(run, "cpu"))
    (row,) = run([check for check in checks() if check.name == "training, fp32"], OnDevice("cpu"), model, quick=True)
    assert (row["verdict"], row["differing"]) == ("not asked", 0)
    assert row["why"].startswith("the order of its product 64x32x128 nt was not found: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--check", "gelu"], "no check is called 'gelu'; near it: gelu "),
        (["--element", "3"], "--element goes with --check"),
        (["--report", "report.txt"], "--report takes a .json file, got 'report.txt'"),
        (["--suite", "norms", "--check", "softmax of 64 float16"], "'softmax of 64 float16' is no check of norms"),
        (["--device", "tpu"], "unknown device 'tpu'; expected cuda, cuda:0 and so on, or cpu"),
        (["--device", "cuda0"], "unknown device 'cuda0'; expected cuda, cuda:0 and so on, or cpu"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_word(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == 2
    assert said in capsys.readouterr().err


def test_devices_that_cannot_be_asked_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from simfp.gpu.on_device import trouble_with

    monkeypatch.setattr(torch, "__version__", "2.5.1+cu124")
    assert trouble_with("cuda").startswith("torch 2.5.1+cu124 is too old: 2.6 or newer")
    monkeypatch.setattr(torch, "__version__", "2.11.0+cpu")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "was built without CUDA" in trouble_with("cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert trouble_with("cuda").startswith("torch finds no CUDA device")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def busy(*_: Any, **__: Any) -> Any:
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nmore")

    monkeypatch.setattr(torch, "zeros", busy)
    assert trouble_with("cuda").endswith(": CUDA error: all CUDA-capable devices are busy or unavailable")


@pytest.mark.parametrize(
    ("capability", "name"), [((7, 0), "Volta"), ((7, 5), "Turing"), ((8, 0), "Ampere"), ((8, 9), "Ada"),
                             ((9, 0), "Hopper"), ((10, 0), "Blackwell"), ((12, 0), "Blackwell")],
)  # fmt: skip
def test_each_compute_capability_gets_its_generation(
    capability: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from simfp.gpu.on_device import generation_of

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    generation, how = generation_of("cuda")
    assert generation.name == name
    assert how.endswith("checked on H100, H200") == (name == "Hopper")
    assert ("not checked on silicon" in how) == (name != "Hopper")


def test_a_gpu_of_no_table_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from simfp.gpu import probe
    from simfp.gpu.on_device import generation_of
    from simfp.probing import find_step, masks_for, summation_tree, survivors

    def found(device: str, fmt: str, shape: tuple[int, int, int]) -> Any:
        sums = adders.model(sf.TURING if fmt == "float16" else sf.AMPERE, fmt)
        tree = summation_tree(survivors(sums, shape[1], masks_for(fmt)), shape[1])
        return SimpleNamespace(step=find_step(sums, tree, shape[1], fmt))

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (99, 0))
    monkeypatch.setattr(probe, "probe", found)
    generation, how = generation_of("cuda")
    assert how == "compute capability 99.0 is in no table: its cores were probed"
    assert {fmt.name: (core.terms, core.fraction_bits) for fmt, core in generation.cores.items()} == {
        fmt: (other.core(fmt).terms, other.core(fmt).fraction_bits)
        for fmt, other in (("float16", sf.TURING), ("bfloat16", sf.AMPERE))
    }


def test_a_generation_is_not_asked_for_formats_that_its_cores_do_not_take() -> None:
    from simfp.gpu.on_device import OnDevice
    from simfp.gpu.validate import run
    from simfp.silicon.backends import Simulated
    from simfp.silicon.device_checks import checks

    some = [check for check in checks() if check.name in ("linear 64x64x128 bfloat16", "training, adamw bf16")]
    rows = list(run(some, OnDevice("cpu"), Simulated(sf.VOLTA), quick=True))
    assert [row["verdict"] for row in rows] == ["not asked", "not asked"]
    assert rows[0]["why"] == "Volta's tensor cores do not take bfloat16"


def test_a_lesson_s_live_answers_come_with_their_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simfp.gpu import live

    some = tuple(check for check in live.checks() if check.suite in SUITES)
    monkeypatch.setattr(live, "DEVICE", "cpu")
    monkeypatch.setattr(live, "checks", lambda: some)
    asked = live.asked()
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("live: given just now by an CPU")
    assert [line.split(":")[0] for line in told[1:]] == ["the tensor cores of simfp", "casts", "scaler"]
    assert (asked.live, len(asked.report["rows"]), asked.report["generation"]) == (True, len(some), "Hopper")
    verdicts = {suite: {row["verdict"] for row in asked.report["rows"] if row["suite"] == suite} for suite in SUITES}
    assert verdicts["casts"] == {"equal"}
    assert verdicts["scaler"] <= {"equal", "not judged"}  # its steps are equal where a CPU's kernels have an fma


def test_without_torch_it_says_how_to_get_it_and_compares_all_the_same(report: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['simfp.gpu', {}]; import runpy; "
        "runpy.run_module('simfp.gpu', run_name='__main__')"
    )
    asked = [sys.executable, "-c", program.format("'validate'")]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install torch" in done.stderr) == (1, True)
    both = f"'compare', {str(report)!r}, {str(report)!r}"
    done = subprocess.run([*asked[:2], program.format(both)], capture_output=True, text=True, check=False)
    assert (done.returncode, "have the same bits, 0 have not" in done.stdout) == (0, True)


# --- two reports


def changed(report: Path, name: str, change: Any) -> Path:
    """A report of another name, changed, with its checksum made anew."""
    made = compare.read(report)
    change(made)
    made["sha256"] = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    path = report.with_name(name)
    path.write_text(json.dumps(made))
    return path


def test_two_reports_are_told_apart_by_bits_and_by_inputs(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def other(made: dict[str, Any]) -> None:
        made["rows"][0]["checksums"]["result"] = "0" * 64
        made["rows"][1]["inputs"] = "0" * 64
        del made["rows"][2]
        made["provenance"]["device"] = "another"

    assert compare.main([str(report), str(report)]) == 0
    capsys.readouterr()
    path = changed(report, "other.json", other)
    assert compare.main([str(report), str(path)]) == 1
    told = capsys.readouterr().out
    rows = compare.read(report)["rows"]
    assert "B: another, driver none" in told
    assert f"only in A: 1 checks ({rows[2]['name']})" in told
    assert "1 checks of both had other inputs, and cannot be compared" in told
    assert f"  {rows[0]['name']}: result\n" in told


def test_what_cannot_be_compared_is_refused_by_name(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def no_rows(made: dict[str, Any]) -> None:
        del made["rows"]

    damaged = report.with_name("damaged.json")
    damaged.write_text(report.read_text().replace('"elements": 5121', '"elements": 5122'))
    text = report.with_name("text.json")
    text.write_text("{")
    plain = report.with_name("plain.json")
    plain.write_text("[]")
    cases = {
        damaged: "damaged, or was edited",
        text: "text.json is damaged: ",
        plain: "it has no checksum",
        changed(report, "older.json", lambda made: made.update(version=0)): "is of version 0; this simfp compares",
        changed(report, "empty.json", no_rows): "holds no checks",
        report.with_name("none.json"): "cannot be read: No such file",
    }
    for path, said in cases.items():
        assert compare.main([str(report), str(path)]) == 2
        assert said in capsys.readouterr().err
