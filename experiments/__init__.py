"""Ensembles of runs: studies, sweeps and comparisons."""
