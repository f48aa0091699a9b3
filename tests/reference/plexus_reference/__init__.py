"""An independent reading of core/PROTOCOL.md.

The package follows the specification page, not another program, so that a
disagreement between the two points at a mistake in one of them. It favours
plain arithmetic over speed.
"""
