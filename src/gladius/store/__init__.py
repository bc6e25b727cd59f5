"""Run directories -> memory: views of runs, kept true while their files grow. Upstream: pulse. Downstream: hub, desk, server."""
