"""Flows: training and what belongs to it, step by step and unattended. Upstream: flow files, server. Downstream: exchange, pulse."""
