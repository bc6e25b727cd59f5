"""One small process per run: starts the trainer, watches it, and says truly how it ended. Upstream: launch. Downstream: the run."""
