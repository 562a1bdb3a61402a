"""Commands as they are typed here: what a message names can be copied and run."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

__all__ = ["python", "typed"]


def python() -> str:
    """The interpreter that is running, as a shell in the current folder starts it.

    "python" where that is this very one (an activated environment), else its path: ".venv/bin/python" from the folder
    that holds it, in full from elsewhere.
    """
    running, here = os.path.abspath(sys.executable or "python"), os.path.join(os.getcwd(), "")
    if shutil.which("python") == running:
        return "python"
    return shlex.quote(running.removeprefix(here))


def typed(module: str) -> str:
    """The command that runs a module: "simfp.gpu" -> ".venv/bin/python -m simfp.gpu"."""
    return f"{python()} -m {module}"
