"""Engines: one file a family of artifacts, all behind the protocol of engine.py. registry.py knows them by id."""
