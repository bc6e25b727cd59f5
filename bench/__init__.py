"""Performance against the limits of the machine: `make bench`. Upstream: the product. Downstream: results.json, docs."""
