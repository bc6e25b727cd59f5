"""Profiles and datasets: files in, typed objects out. Upstream: YAML and JSONL files. Downstream: launch, server."""
