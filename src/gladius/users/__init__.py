"""Who may ask, and what they did. Upstream: files of the home. Downstream: server, cli."""
