"""What this project costs, measured against the least that does the same: `python -m benchmarks --help`."""
