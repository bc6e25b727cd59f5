"""What a person should know: rules on a run's facts, and the book of what they found. Upstream: store. Downstream: hub."""
