"""Whether this machine can run the course: Python, packages, arithmetic, cores, and a GPU if there is one."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import numpy as np

import simfp as sf
from simfp.course import progress
from simfp.course.display import Table

__all__ = ["environment"]

Row = tuple[str, str, str]
GOOD, MISSING, OPTIONAL = "✓", "✗ needed", "– not needed"


def environment() -> Table:
    """What is there, what is not, and whether it matters."""
    rows = [row for part in (_python, _packages, _arithmetic, _cores, _gpu, _progress) for row in part()]
    lacking = [name for name, _, verdict in rows if verdict.startswith("✗")]
    caption = (
        f"Not ready: {', '.join(lacking)}. Packages are installed by `make setup`, run in the project's folder."
        if lacking
        else "This machine runs the course."
    )
    return Table(caption, ("what", "found", "verdict"), rows)


def _python() -> Iterator[Row]:
    new_enough = tuple(map(int, platform.python_version_tuple()[:2])) >= (3, 11)
    yield "Python", platform.python_version(), GOOD if new_enough else "✗ 3.11 or newer is needed"


def _packages() -> Iterator[Row]:
    """simfp, and what its own metadata says that it and the lessons need."""
    yield "simfp", sf.__version__, GOOD
    for line in importlib.metadata.requires("simfp") or ():
        parts = re.match(r"([\w.-]+)>=([\d.]+)(?:.*extra == .(\w+))?", line)
        if parts and parts[3] in (None, "lessons"):
            yield _package(parts[1], parts[2])


def _package(name: str, least: str) -> Row:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return name, "not installed", MISSING
    return name, version, GOOD if _numbers(version) >= _numbers(least) else f"✗ {least} or newer is needed"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])


def _arithmetic() -> Iterator[Row]:
    """simfp's numbers held against NumPy's float16, which nobody here wrote."""
    codes = np.arange(1 << 16, dtype=np.uint16)
    ours, theirs = sf.decode(codes, "float16"), codes.view(np.float16).astype(np.float32)
    same = int(np.sum((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))))
    found = f"{same:,} of {len(codes):,} fp16 codes are what NumPy's float16 says"
    yield "arithmetic", found, GOOD if same == len(codes) else "✗ simfp is broken here"


def _cores() -> Iterator[Row]:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # not on macOS, Windows
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    yield "processor cores", str(cores), GOOD


def _gpu() -> Iterator[Row]:
    """A GPU, as the driver's own tool names it; nothing is imported to find out."""
    names: list[str] = []
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        try:
            names = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
        except (OSError, subprocess.SubprocessError):
            names = []
    yield "NVIDIA GPU", "; ".join(names) or "none: what a GPU said comes from recordings", GOOD if names else OPTIONAL
    try:
        yield "torch", importlib.metadata.version("torch"), GOOD
    except importlib.metadata.PackageNotFoundError:
        yield "torch", "not installed", OPTIONAL


def _progress() -> Iterator[Row]:
    file = progress.path()
    nearest = next(place for place in (file, *file.parents) if place.exists())
    fits = nearest.is_file() if nearest == file else nearest.is_dir()
    writable = fits and os.access(nearest, os.W_OK)
    yield "your progress", str(file), GOOD if writable else "✗ cannot be written; set SIMFP_PROGRESS to a file that can"
