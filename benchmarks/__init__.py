"""What the product costs and how fast it is, beside what it replaces: `python -m benchmarks`."""
