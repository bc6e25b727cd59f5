"""The typed client of the console server: what the command line and notebooks use. Upstream: server. Downstream: cli, notebooks.

from gladius.client import Client

run = Client().start("tiny-moe", epochs=3)
run.pause()
"""

from typing import Any

from gladius.client.client import Client
from gladius.client.run import RunHandle

__all__ = ["Client", "RunHandle", "get_training_history"]


def __getattr__(name: str) -> Any:
    """`get_training_history` needs no server, but what reads events, which takes longer to load than most verbs do."""
    if name != "get_training_history":
        raise AttributeError(f"module 'gladius.client' has no attribute '{name}'")
    from gladius.store.history import get_training_history

    return get_training_history
