"""Hypothesis strategies for migration histories: what alembic-gauntlet is tested with."""
