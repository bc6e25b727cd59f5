"""Join training frameworks to PULSE, one file per framework. Upstream: the framework's hooks. Downstream: pulse."""
