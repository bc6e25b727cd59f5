"""The command line: thin verbs. Upstream: the person. Downstream: client, compose, launch."""

from gladius.cli.main import main

__all__ = ["main"]
