"""Speed and cost of the product beside the service it replaces: `python -m benchmarks`."""
