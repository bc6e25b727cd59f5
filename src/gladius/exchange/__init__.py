"""What leaves a run for other programs: files to take away, and TensorBoard. Upstream: run directories. Downstream: server."""
