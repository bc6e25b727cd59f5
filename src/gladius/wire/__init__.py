"""What browser and server say to each other, as pydantic models: the one source of the TypeScript types. Upstream: pulse. Downstream: everything that serves or asks."""
