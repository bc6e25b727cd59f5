"""An answer of the server as a file. Upstream: transport. Downstream: run."""

from __future__ import annotations

import errno
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import httpx

_NAMED = re.compile(r"filename\*=UTF-8''([^;\s]+)")
_CHUNK = 1 << 18


def save(answer: httpx.Response, path: Path, force: bool) -> Path:
    """Write the answer to a file, or into a folder by the name that the server gave it; return the file.

    It is there whole or not at all. Raises FileExistsError unless `force` is given.
    """
    file = path / name_of(answer) if path.is_dir() else path
    if file.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already; --force (force=True) replaces it", str(file))
    temporary = file.with_name(f".{file.name[:100]}-{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as part:
            for chunk in answer.iter_bytes(_CHUNK):
                part.write(chunk)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file


def name_of(answer: httpx.Response) -> str:
    """The name that the server gave, without any folder."""
    found = _NAMED.search(answer.headers.get("content-disposition", ""))
    return Path(unquote(found[1])).name if found else "export"
