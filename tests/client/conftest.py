"""Servers, trainers and loops as fixtures."""

from console_fixtures import serve, train
from steering_fixtures import loop, profiled_loop

__all__ = ["loop", "profiled_loop", "serve", "train"]
