"""What browser and server say, as pydantic models: source of the TypeScript types. Upstream: pulse. Downstream: server."""
