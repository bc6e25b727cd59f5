"""Start a supervisor somewhere. Upstream: server, `gladius run`. Downstream: supervise."""
