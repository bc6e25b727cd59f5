"""Ask for known weaknesses of what is installed, where a database answers within three seconds; else say so and pass.

python scripts/audit.py    `npm audit` of what the page ships, and pip-audit where it is installed (`pip install pip-audit`)
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 3.0


def main() -> int:
    """1 where something that is shipped is known to be weak."""
    asked: dict[str, subprocess.Popen[bytes]] = {}
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is not None:
        asked["npm audit"] = _start([npm, "audit", "--omit=dev", "--json"], ROOT / "web")
    if importlib.util.find_spec("pip_audit") is not None:
        words = [
            sys.executable,
            "-m",
            "pip_audit",
            "--local",
            "--skip-editable",
            "--progress-spinner",
            "off",
            "-f",
            "json",
        ]
        asked["pip-audit"] = _start(words, ROOT)
    deadline = time.monotonic() + PATIENCE_S
    weak = [line for name, process in asked.items() for line in _judge(name, process, deadline)]
    for line in weak:
        print(line)
    return 1 if weak else 0


def _start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _judge(name: str, process: subprocess.Popen[bytes], deadline: float) -> list[str]:
    try:
        answer, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        answer = b""
    try:
        told: Any = json.loads(answer)
        found = _of_npm(told) if name == "npm audit" else _of_pip(told)
    except (ValueError, KeyError, TypeError):
        print(f"{name}: no database answered within {PATIENCE_S:g} s, nothing was checked")
        return []
    print(f"{name}: {len(found)} known weaknesses")
    return found


def _of_npm(told: Any) -> list[str]:
    """High and critical ones; what is lower is told by `npm audit` itself."""
    found = told["vulnerabilities"].items()
    return [f"npm: {name}: {one['severity']}" for name, one in found if one["severity"] in ("high", "critical")]


def _of_pip(told: Any) -> list[str]:
    return [
        f"pip: {one['name']} {one['version']}: {bad['id']}"
        for one in told["dependencies"]
        for bad in one.get("vulns", [])
    ]


if __name__ == "__main__":
    raise SystemExit(main())
