"""Unit tests of the reference implementation: `python3 -m unittest` in the folder above."""
