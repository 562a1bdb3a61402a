"""Installed as a user installs it: a clone in a folder, an environment in the clone, scripts beside it."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import simfp
from tests.examples import some
from tests.project.test_project import PACKAGE, PROJECT, ROOT

TRAIN = "import simfp, sys; print(simfp.__file__, simfp.__version__, sep='\\n')"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder "x" with a copy of the project, `x/simfp`, installed in its own `.venv` as the Makefile does it."""
    project = tmp_path_factory.mktemp("x") / "simfp"
    shutil.copytree(PACKAGE, project / "simfp", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICES.md"):
        shutil.copy(ROOT / name, project)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(project / ".venv")], check=True)
    python = project / ".venv" / "bin" / "python"
    say = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", say], check=True, capture_output=True, text=True).stdout.strip()
    # what is installed here serves there; of its .pth files, which have simfp on the path, none counts in there
    (Path(packages) / "borrowed.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    install = ["-m", "pip", "install", "-qq", "--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed"]
    subprocess.run([python, *install, "-e", str(project)], check=True)
    return project


@pytest.mark.parametrize("where", some(["beside the clone", "in the clone", "elsewhere"], every=3))
def test_a_script_imports_the_package_and_not_the_folder_of_the_clone(clone: Path, where: str, tmp_path: Path) -> None:
    folder = {"beside the clone": clone.parent, "in the clone": clone, "elsewhere": tmp_path}[where]
    (folder / "train.py").write_text(TRAIN)
    python = clone / ".venv" / "bin" / "python"
    run = subprocess.run([python, folder / "train.py"], check=True, capture_output=True, text=True, cwd=folder)
    assert run.stdout.split() == [str(clone / "simfp" / "__init__.py"), simfp.__version__]
    (folder / "train.py").unlink()


def test_a_command_names_itself_as_it_was_typed(clone: Path, tmp_path: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    for folder, typed in ((clone, ".venv/bin/python"), (tmp_path, python)):
        run = subprocess.run([python, "-m", "simfp", "--help"], capture_output=True, text=True, cwd=folder, check=True)
        assert run.stdout.split()[:4] == ["usage:", str(typed), "-m", "simfp"]
        again = subprocess.run(f"{typed} -m simfp formats", shell=True, capture_output=True, text=True, cwd=folder)
        assert again.stdout.startswith("format ")


def test_an_activated_interpreter_is_called_python(clone: Path) -> None:
    environment = {"PATH": f"{clone / '.venv' / 'bin'}:/usr/bin:/bin"}
    command = ["python", "-m", "simfp", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, check=True)
    assert run.stdout.split()[:4] == ["usage:", "python", "-m", "simfp"]


def test_the_version_is_told_without_an_installation() -> None:
    say = "import sys; sys.path.insert(0, sys.argv[1]); import simfp; print(simfp.__version__)"
    where = Path(pytest.__file__).parents[1]
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.append({str(where)!r}); {say}", str(ROOT)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert run.stdout.split() == [simfp.__version__]


def test_the_wheel_and_the_source_distribution_have_the_licence_and_the_notices(clone: Path, tmp_path: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    build = (
        f"from setuptools import build_meta as b; b.build_sdist({str(tmp_path)!r}); b.build_wheel({str(tmp_path)!r})"
    )
    subprocess.run([python, "-c", build], check=True, capture_output=True, cwd=clone)
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    inside = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    for name in PROJECT["license-files"]:
        assert f"simfp-{simfp.__version__}.dist-info/licenses/{name}" in inside
        assert f"simfp-{simfp.__version__}/{name}" in names
    told = zipfile.ZipFile(wheel).read(f"simfp-{simfp.__version__}.dist-info/METADATA").decode()
    assert f"License-Expression: {PROJECT['license']}" in told
    for minor in (11, 12, 13):
        assert f"Classifier: Programming Language :: Python :: 3.{minor}\n" in told
