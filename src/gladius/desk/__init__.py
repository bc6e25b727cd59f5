"""Commands: checked, given an id, put into the run's mailbox. Upstream: store. Downstream: server."""
