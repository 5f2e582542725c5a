"""Filling holes in judgments: what to rate, by whom, how far raters agree, and what enters."""
