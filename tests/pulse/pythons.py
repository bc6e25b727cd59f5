"""The other Python versions of this machine, found on PATH and through pyenv."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

VERSIONS = ("3.9", "3.10", "3.12", "3.13", "3.14")


@functools.cache
def find(version: str) -> str | None:
    """Return a working interpreter of that version, or None."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = shutil.which("pyenv")
    if pyenv:
        listed = subprocess.run(
            [pyenv, "versions", "--bare"], capture_output=True, text=True, check=False
        ).stdout.split()
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        candidates = [
            os.path.join(root, "versions", v, "bin", "python3") for v in listed if v.startswith(version + ".")
        ] + candidates
    for program in filter(None, candidates):
        try:
            answer = subprocess.run(
                [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True, text=True, check=False, timeout=20,
            )  # fmt: skip
        except OSError:
            continue
        if answer.stdout.strip() == version:
            return program
    return None
