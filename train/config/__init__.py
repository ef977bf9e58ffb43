"""Configuration: schema.py says what can be set, load.py reads YAML files and overrides."""

from train.config.load import LoadedConfig, load_config
from train.config.schema import Config

__all__ = ["Config", "LoadedConfig", "load_config"]
