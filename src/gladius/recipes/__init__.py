"""Built-in trainers: `python -m gladius.recipes.NAME config.yaml`. Upstream: launch. Downstream: integrations."""
