"""Servers, trainers and listeners as fixtures."""

from console_fixtures import listen, serve, server, train

__all__ = ["listen", "serve", "server", "train"]
