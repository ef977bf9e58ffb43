"""Function schemas of the data set: descriptions from the package, arguments from the templates."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from train.data.smart_home.grammar import Template
from train.data.smart_home.older import slot_names

_INTEGERS = (
    "hours",
    "minutes",
    "seconds",
    "start_hours",
    "start_minutes",
    "start_seconds",
    "position",
    "percentage",
    "brightness",
    "volume_level",
)
_FROM_LISTS = ("color", "fan_mode", "media_class")
_STATES = ("on_off_states", "lock_states", "cover_states", "bs_open_states", "bs_occupancy_states")


def tool_schemas(newest: list[Template]) -> list[dict[str, Any]]:
    """[{"name", "description", "parameters": JSON schema}] for the intents and slots the templates use."""
    from home_assistant_intents import get_intent_info

    info: dict[str, Any] = dict(get_intent_info() or {})
    slots: dict[str, set[str]] = defaultdict(set)
    always: dict[str, set[str]] = {}
    constants: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for template in newest:
        used = slot_names(template.expression, template.rules) | {slot for slot, _ in template.constants}
        always[template.intent] = always.get(template.intent, used) & used
        slots[template.intent] |= used
        for slot, value in template.constants:
            constants[template.intent][slot].add(value)
    lists = newest[0].lists
    made = [_schema(name, info[name], sorted(slots[name]), constants[name], lists) for name in sorted(slots)]
    for schema in made:
        if always[
            schema["name"]
        ]:  # the package calls some slots required that its own templates leave out ("vacuum here")
            schema["parameters"]["required"] = sorted(always[schema["name"]])
    return made


def _schema(
    name: str, info: dict[str, Any], slots: list[str], constants: dict[str, set[str]], lists: dict[str, Any]
) -> dict[str, Any]:
    described = info.get("slots", {})
    properties = {}
    for slot in slots:
        about = described.get(slot, {}).get("description", slot.replace("_", " "))
        properties[slot] = {**_type(name, slot, lists), "description": about}
        if slot == "domain" and constants.get(slot):
            properties[slot]["enum"] = sorted(constants[slot])
    parameters = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"name": name, "description": info.get("description", name), "parameters": parameters}


def _type(intent: str, slot: str, lists: dict[str, Any]) -> dict[str, Any]:
    if slot in _INTEGERS or (intent == "HassLightSet" and slot == "temperature"):
        return {"type": "integer"}
    if slot == "temperature":
        return {"type": "number"}
    if slot == "volume_step":
        return {"anyOf": [{"enum": ["up", "down"]}, {"type": "integer"}]}
    if slot in _FROM_LISTS:
        return {"type": "string", "enum": [value["out"] for value in lists[slot]["values"]]}
    if slot == "state":  # of a device: one of these, whatever was said; of a person: the place, as it was said
        states = dict.fromkeys(value["out"] for name in _STATES for value in lists[name]["values"])
        return {"anyOf": [{"enum": list(states)}, {"type": "string"}]}
    if slot == "device_class":
        return {"type": "string", "enum": [value["out"] for value in lists["cover_classes"]["values"]]}
    return {"type": "string"}
