"""Folders of documents become datasets that can be searched. Upstream: catalog's folders, wire. Downstream: server, compose."""
