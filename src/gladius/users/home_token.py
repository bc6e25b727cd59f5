"""The token of the home's owner. Upstream: state/token. Downstream: keys, server.json."""

from __future__ import annotations

import secrets
from pathlib import Path

from gladius.pulse.files import write_text

_TOKEN_BYTES = 32


def load_token(path: Path) -> str:
    """Return the home's token, made at first use and kept, readable by its owner alone."""
    try:
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= 20:
            return token
    except (OSError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_text(path, token)
    return token
