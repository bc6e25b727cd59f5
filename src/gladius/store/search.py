"""Search over the whole of a console.log, for a bounded time. Upstream: console.log, through store.grep. Downstream: server.

The search is a process of its own: a pattern that explodes costs its own processor time until it is ended, and neither
it nor a log of gigabytes holds up the server, whose socket must stay quick.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from gladius.errors import SearchInvalid
from gladius.wire.runs import LinePlace, SearchPage

SECONDS = 2.0
"""The longest that one request searches; where it stopped the next one goes on."""

_GREP = Path(__file__).with_name("grep.py")
_GRACE_S = 3.0
_AT_ONCE = threading.BoundedSemaphore(2)


def search(
    path: Path,
    query: str,
    *,
    regex: bool = False,
    case: bool = False,
    word: bool = False,
    newest: bool = False,
    start: LinePlace | None = None,
    limit: int = 100,
    seconds: float = SECONDS,
) -> SearchPage:
    """Return the first `limit` lines that hold `query`, and where to go on; colour codes do not count.

    `newest` looks from the end backwards. A missing file has no lines. Raises SearchInvalid for a pattern that cannot
    be used.
    """
    if not query:
        raise SearchInvalid("There is nothing to search for.", "Give 'q'.")
    request = {
        "path": str(path), "q": query, "regex": regex, "case": case, "word": word, "newest": newest,
        "limit": limit, "seconds": seconds,
        "offset": start.offset if start else None, "line": start.line if start else None,
    }  # fmt: skip
    with _AT_ONCE:
        text = _run(json.dumps(request), seconds + _GRACE_S)
    answer = json.loads(text) if text else {"refused": "it takes too long"}
    if "refused" in answer:
        raise SearchInvalid(f"The pattern cannot be used: {answer['refused']}.", "Write a simpler pattern.")
    return SearchPage.model_validate(answer)


def _run(request: str, seconds: float) -> str:
    """What the search wrote; nothing where it had to be ended, which its own alarm makes all but impossible."""
    argv = [sys.executable, "-I", "-S", str(_GREP)]
    try:
        done = subprocess.run(argv, input=request, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True)
    except subprocess.TimeoutExpired:
        return ""
    except subprocess.CalledProcessError as error:
        raise SearchInvalid(f"The search ended with {error.returncode}.", "Try again.") from error
    return done.stdout
