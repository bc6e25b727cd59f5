"""Performance against the limits of the machine: `make bench`. Upstream: the product. Downstream: bench/results.json, docs/performance.md."""
