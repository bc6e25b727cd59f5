"""The command line: thin verbs. Upstream: the person. Downstream: client, compose, launch."""
