"""Experiment tracking: metrics.jsonl always, Weights & Biases where it is installed."""

from train.tracking.tracker import Tracker

__all__ = ["Tracker"]
