"""Read documents one by one in a process that may die of one. Upstream: worker, by stdin. Downstream: worker, by stdout.

    python -m gladius.knowledge.reader

An empty line says that it is there. Each line of stdin is a request: {path, kind, known, encoding, max_bytes, seconds,
memory_mib}. Each answer is a line of JSON, and as many bytes after it as its `size` says: the segments as zlib-packed JSON.
The kernel ends this process when a document takes more time or memory than allowed, whatever a library does meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import sys
import zlib
from typing import Any, BinaryIO

from gladius.knowledge.extract import Extracted, Refused, extract


def main() -> int:
    """Answer until stdin ends."""
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.disable()
    answers.write(b"\n")
    answers.flush()
    for line in sys.stdin:
        if not _answer(json.loads(line), answers):
            break
    return 0


def _answer(request: dict[str, Any], answers: BinaryIO) -> bool:
    """Return whether this process is fit for another one: memory that was full of one document is not given back."""
    told: dict[str, Any]
    body = b""
    try:
        _limit(float(request["seconds"]), int(request["memory_mib"]))
        told, body = _read(request)
    except Refused as refused:
        told = {"reason": refused.reason, "detail": refused.detail}
    except MemoryError:
        told = {"reason": "memory"}
    except OSError as error:
        told = {"reason": "unreadable", "detail": error.strerror or type(error).__name__}
    except Exception as error:  # noqa: BLE001
        # Libraries raise anything at what is no document; a defect of ours is damage to one file and not to the rest.
        told = {"reason": "damaged", "detail": f"{type(error).__name__}: {error}"[:200]}
    answers.write(json.dumps({**told, "size": len(body)}).encode() + b"\n" + body)
    answers.flush()
    return told.get("reason") != "memory"


def _read(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    data = _bytes(request["path"], int(request["max_bytes"]))
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 == request.get("known"):
        return {"sha256": sha256, "same": True}, b""
    try:
        found = extract(request["kind"], data, request.get("encoding"))
    except Refused as refused:
        return {"sha256": sha256, "reason": refused.reason, "detail": refused.detail}, b""
    return {"sha256": sha256, "characters": sum(len(one.text) for one in found.segments)}, pack(found)


def _bytes(path: str, limit: int) -> bytes:
    """A regular file's content; what became a link or a pipe since it was looked at is not opened or waited for."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Refused("special")
        # Asked for the limit, Python would set that much memory aside.
        data = file.read(min(limit, status.st_size) + 1)
    if len(data) > limit:
        raise Refused("too_large", f"{status.st_size:,}")
    return data


def pack(found: Extracted) -> bytes:
    """A document's text as it is kept."""
    kept = {
        "apart": found.apart, "bad_records": found.bad_records, "segments": [[one.place, one.text] for one in found.segments],
    }  # fmt: skip
    return zlib.compress(json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace"), 3)


def _limit(seconds: float, memory_mib: int) -> None:
    """Have the kernel end this process when it computes for too long, and refuse it more memory."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = int(used.ru_utime + used.ru_stime + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
