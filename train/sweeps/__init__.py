"""Sweeps in W&B's file format, run on this machine without a server: grid and random search over config keys."""
