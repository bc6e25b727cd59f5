"""Warn through Python's logging, which is loaded with the first warning. Upstream: this room. Downstream: the script's handlers.

Half of what an import of Gladius cost was modules for what seldom happens: logging, hashing, removing trees.
"""

from __future__ import annotations


def warn(message: str, *args: object, exc_info: bool = False) -> None:
    """Log a warning of the logger `gladius.pulse`, at the place of the caller."""
    import logging

    logging.getLogger("gladius.pulse").warning(message, *args, exc_info=exc_info, stacklevel=2)
