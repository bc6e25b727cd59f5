"""Servers, trainers and listeners as fixtures."""

from console_fixtures import listen, serve, server, train
from steering_fixtures import loop, profiled_loop

__all__ = ["listen", "loop", "profiled_loop", "serve", "server", "train"]
