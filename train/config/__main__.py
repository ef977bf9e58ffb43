"""Writes configs/schema.json, which gives editors completion and texts for every YAML key.

Example: python -m train.config
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

from train.atomic import write_json
from train.config.schema import Config

SCHEMA = Path(__file__).resolve().parent.parent.parent / "configs" / "schema.json"


def json_schema() -> dict[str, Any]:
    """JSON schema of a config file: Config, plus `extends`; no key is required, since `extends` may bring it."""
    schema = copy.deepcopy(Config.model_json_schema())
    schema["properties"] = {
        "extends": {"type": "string", "description": "another YAML file whose values this one goes over"},
        **schema["properties"],
    }
    schema.pop("required", None)
    return schema


if __name__ == "__main__":
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser("python -m train.config", description=__doc__, formatter_class=formatter).parse_args()
    write_json(SCHEMA, json_schema())
    print(SCHEMA)
