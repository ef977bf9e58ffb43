"""Experiment tracking: metrics.jsonl always; Weights & Biases and trackio where they are installed and wanted."""

from train.tracking.tracker import Tracker

__all__ = ["Tracker"]
