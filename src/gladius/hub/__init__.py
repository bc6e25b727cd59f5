"""What clients have not heard yet, told to each at its own pace. Upstream: store. Downstream: the server's socket."""
