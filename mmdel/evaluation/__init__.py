"""Scoring predicted events: measures, protocols, diagnosis, result files, and metrics for mmengine's evaluator."""
