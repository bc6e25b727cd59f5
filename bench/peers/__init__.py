"""The programs a person would use instead, measured beside Gladius in one run. See `bench/peers/__main__.py`."""
