"""`make mutants`: take one guard out of a copy of the sources, run the test that is named for it, and see it fail.

Each test must pass on the copy that nothing was taken from. Exit code 1 when a test stays green without its guard.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))

from guards import GUARDS, Guard  # noqa: E402

PASSED, FAILED = 0, 1


def main() -> int:
    """Try every guard, or those whose promise holds one of the words given."""
    chosen = [guard for guard in GUARDS if not sys.argv[1:] or any(word in guard.promise for word in sys.argv[1:])]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="gladius-mutants-") as folder:
        sources = Path(folder) / "src"
        shutil.copytree(TESTS.parent / "src", sources, ignore=shutil.ignore_patterns("__pycache__"))
        for guard in chosen:
            bites = _bites(guard, sources)
            survived += not bites
            print(f"{'red ' if bites else 'GREEN'} without: {guard.promise} ({guard.test})", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} guards are held by their tests.")
    return 1 if survived else 0


def _bites(guard: Guard, sources: Path) -> bool:
    file = sources / guard.file
    whole = file.read_text(encoding="utf-8")
    if _run(guard.test, sources) != PASSED:
        raise SystemExit(f"{guard.test} fails with everything in place; mend that first.")
    file.write_text(whole.replace(guard.code, guard.without), encoding="utf-8")
    try:
        return _run(guard.test, sources) == FAILED
    finally:
        file.write_text(whole, encoding="utf-8")


def _run(test: str, sources: Path) -> int:
    """The exit code of pytest: 0 passed, 1 failed; anything else means that it could not be run."""
    argv = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(TESTS / test)]
    env = {**os.environ, "PYTHONPATH": str(sources)}
    return subprocess.run(argv, cwd=TESTS.parent, env=env, stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
