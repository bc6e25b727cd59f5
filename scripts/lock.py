"""The lock of what the console needs, with hashes: write it, or prove that it installs.

python scripts/lock.py write    requirements.lock anew, by uv, from pyproject.toml and today's index
python scripts/lock.py try      a new environment from the lock alone (`--require-hashes`), and `gladius --version` in it

What trains is not in it: PyTorch's builds for each kind of machine have hashes of their own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
EXTRAS = ("tensorboard", "index")
HEAD = (
    "# What the console needs, with hashes of every file that may be installed. Made by `make lock`.",
    "# python -m pip install --require-hashes -r requirements.lock && python -m pip install --no-deps gladius-console",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run one of the verbs above."""
    verbs = {"write": write, "try": try_it}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory(prefix="gladius-lock-") as folder:
        python = _environment(Path(folder))
        verbs[arguments[0]](python)
    return 0


def write(python: Path) -> None:
    """Ask for the newest versions that go together, on every platform and Python that is supported."""
    _run(python, "-m", "pip", "install", "--quiet", "uv")
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    made = _run(
        python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header",
        "--no-annotate", "--python-version", "3.11", "--system-certs", *extras, "pyproject.toml",
    )  # fmt: skip
    LOCK.write_text("\n".join([*HEAD, made]), encoding="utf-8")
    print(f"{LOCK.name}: {made.count('==')} packages")


def try_it(python: Path) -> None:
    """Install what the lock names and nothing else, then the console itself."""
    _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", ".")
    print(_run(python, "-m", "gladius.cli.main", "--version").strip(), "runs from the lock")


def _environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def _run(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"failed: {' '.join(map(str, words[1:]))}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
