"""JupyterLab in a Chromium, driven from Python: for the browser tests and for the measurement of the slider."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # routes would do, but switch the cache off
)  # fmt: skip
KERNEL = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel"
NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"


@contextmanager
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield running
        running.close()


@contextmanager
def jupyterlab(folder: Path, home: Path) -> Iterator[str]:
    """The address, token included, of a JupyterLab that serves `folder` and keeps all it writes in `home`.

    It reads the same settings as `make lab`, listens on 127.0.0.1 only and asks for its token.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {
        "JUPYTER_CONFIG_PATH": str(REPOSITORY / ".jupyter"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--log-level=WARN",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True", f"--LabApp.workspaces_dir={home / 'workspaces'}",
        f"--LabApp.user_settings_dir={home / 'settings'}",
    ]  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for_answer(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "server.log")
            yield f"http://127.0.0.1:{port}?token={token}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for_answer(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not answer within a minute:\n{log.read_text()}")


class Lesson:
    """A notebook that is open in JupyterLab, with a kernel that is ready."""

    def __init__(self, page: Page, address: str, path: str) -> None:
        self.page = page
        self.outside: list[str] = []  # requests to anywhere but the loopback: Chromium finds no such host
        self.errors: list[str] = []  # what JavaScript threw
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.base, self.query = address.split("?")
        page.goto(f"{self.base}/doc/tree/{path}?reset&{self.query}")
        page.wait_for_function(f"{KERNEL}?.connectionStatus === 'connected' && {KERNEL}.status === 'idle'")
        self.kernel: str = page.evaluate(f"{KERNEL}.id")
        self.light = self._is_light()

    def begin_again(self) -> None:
        """As a notebook that was just opened: no widget, no name, no output; the page as wide as it was."""
        self.tell("import ipywidgets; ipywidgets.Widget.close_all()\n%reset -f")
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        self.page.wait_for_function(f"Array.from({NOTEBOOK}.model.cells).every((cell) => !cell.executionCount)")
        self.page.mouse.move(0, 0)
        if self._is_light() != self.light:
            self.theme("JupyterLab Light" if self.light else "JupyterLab Dark")
        self.errors.clear()

    def sources(self) -> list[str]:
        """What its code cells hold."""
        found: list[str] = self.page.evaluate(
            f"""() => Array.from({NOTEBOOK}.model.cells)
                .filter((cell) => cell.type === 'code').map((cell) => cell.sharedModel.source)"""
        )
        return found

    def _is_light(self) -> bool:
        return bool(self.page.evaluate("document.body.dataset.jpThemeLight === 'true'"))

    def shut_down(self) -> None:
        """Ends the kernel, if it is still there."""
        reply = self.page.request.delete(f"{self.base}/api/kernels/{self.kernel}?{self.query}")
        assert reply.status in (204, 404), reply

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.outside.append(url)

    def run_all(self, timeout: float = 180) -> None:
        """Runs every cell from the menu, and waits until each has run and the kernel is idle."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        self.page.wait_for_function(
            f"""() => {KERNEL}.status === 'idle' && Array.from({NOTEBOOK}.model.cells).every(
                (cell) => cell.type !== 'code' || !cell.sharedModel.source.trim() || cell.executionCount > 0)""",
            timeout=1000 * timeout,
        )

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs of all cells, in nbformat."""
        found: list[dict[str, Any]] = self.page.evaluate(
            f"() => Array.from({NOTEBOOK}.model.cells).flatMap((cell) => cell.outputs ? cell.outputs.toJSON() : [])"
        )
        return found

    def ask(self, expression: str) -> str:
        """The repr of a Python expression, evaluated by the kernel."""
        reply = self.page.evaluate(
            f"""async (code) => (await {KERNEL}.requestExecute(
                {{code: '', silent: true, user_expressions: {{it: code}}}}).done).content""",
            expression,
        )
        answer = reply["user_expressions"]["it"]
        assert answer["status"] == "ok", answer
        return str(answer["data"]["text/plain"])

    def wait_for(self, expression: str, value: str = "True", seconds: float = 30) -> None:
        """Waits until the repr of a Python expression is `value`. Raises AssertionError when the time is over."""
        end = time.monotonic() + seconds
        while (found := self.ask(expression)) != value:
            assert time.monotonic() < end, f"{expression} is {found}, not {value}"
            self.page.wait_for_timeout(50)

    def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Waits until something on the page has become so. Raises AssertionError when the time is over."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            self.page.wait_for_timeout(50)

    def tell(self, code: str) -> None:
        """Executes Python in the kernel."""
        content = self.page.evaluate(
            f"async (code) => (await {KERNEL}.requestExecute({{code, store_history: false}}).done).content", code
        )
        assert content["status"] == "ok", content

    def theme(self, name: str) -> None:
        """Switches JupyterLab's theme."""
        self.page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        light = str("Dark" not in name).lower()
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def copy_lessons(folder: Path) -> None:
    """The lessons, in a folder of their own, so that nothing is written beside them."""
    shutil.copytree(
        REPOSITORY / "lessons", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "progress.json")
    )


def plain_page(widget: Any) -> str:
    """A page that runs a widget's front end with no kernel and no JupyterLab; `window.model` sets its traits."""
    state = {name: value for name, value in widget.get_state().items() if name not in ("_esm", "_css")}
    return PLAIN_PAGE % {"style": widget._css, "module": json.dumps(widget._esm), "state": json.dumps(state)}


PLAIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>widget</title><style>%(style)s</style>
<div id="root"></div>
<script type="module">
  const module = await import(URL.createObjectURL(new Blob([%(module)s], { type: "text/javascript" })));
  const state = %(state)s;
  const listeners = {};
  const sent = (window.sent = []);
  window.listeners = listeners;
  window.model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      (listeners["change:" + name] ?? []).slice().forEach((listener) => listener());
    },
    save_changes() {},
    send: (content) => sent.push(content),
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => (listeners[event] = listeners[event].filter((other) => other !== listener)),
  };
  window.stop = module.default.render({ model: window.model, el: document.getElementById("root") });
  window.ready = true;
</script></html>"""
