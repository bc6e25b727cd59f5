"""The console server: HTTP, socket and the page. Upstream: hub, desk, store. Downstream: browsers, clients."""
