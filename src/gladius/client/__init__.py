"""The typed client of the console server: what the command line and notebooks use. Upstream: server. Downstream: cli, notebooks.

from gladius.client import Client

run = Client().start("tiny-moe", epochs=3)
run.pause()
"""

from gladius.client.client import Client
from gladius.client.run import RunHandle

__all__ = ["Client", "RunHandle"]
