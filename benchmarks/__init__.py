"""Measurements of this package against other libraries: `python -m benchmarks` in the repository."""
