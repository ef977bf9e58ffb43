"""Augmentation of training rows: names get fresh words, sentences other wordings, the call stays right."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from train.data.smart_home.frames import framed
from train.data.smart_home.fresh_words import fresh_word, words_of_kinds, words_of_the_tests
from train.data.smart_home.freshen import freshen
from train.data.smart_home.grammar import load_newest
from train.data.smart_home.names import Entry, pool
from train.data.smart_home.sampler import Sampler
from train.data.smart_home.splits import known_and_new
from train.data.smart_home.values import Value
from train.data.smart_home.vary import vary
from train.data.smart_home.walker import Walk, walk


def test_fresh_words_are_many_and_none_is_of_the_tests() -> None:
    rng = Random(3)
    drawn = [fresh_word(rng) for _ in range(4000)]
    assert len(set(drawn)) > 1200
    assert not {word for text in drawn for word in text.split()} & words_of_the_tests()
    assert {
        "rattan",
        "headboard",
        "espresso",
        "amelia",
    } <= words_of_the_tests()  # names, devices and open values of the tests


def test_a_freshened_walk_still_says_what_its_call_holds() -> None:
    known, _ = known_and_new(load_newest())
    sampler, rng, renamed = Sampler(known, "train", Random(5)), Random(6), 0
    for _ in range(300):
        made = sampler.sentence()
        before = dict(made.slots)
        freshen(made, rng)
        renamed += made.slots != before
        for slot, value in made.values:
            if value.entry is not None or value.wildcard:
                assert value.surface in made.text
                assert made.slots[slot] == value.surface
    assert renamed > 60


def test_the_kind_of_a_device_stays_where_it_is_set_to_something() -> None:
    template = next(t for t in load_newest() if t.intent == "HassLightSet" and "{name}" in t.text)
    for seed in range(40):
        made = walk(template, Random(seed), pool("train"), "train")
        last = {slot: str(text).split()[-1] for slot, text in made.slots.items() if slot == "name"}
        domain = next((value.domain for slot, value in made.values if slot == "name"), "")
        freshen(made, Random(seed))
        if last and domain not in ("scene", "script", "button", "input_button", "todo", "person"):
            assert str(made.slots["name"]).endswith(last["name"])


@pytest.mark.parametrize(
    ("before", "behind", "bare"),
    [("in the ", "", True), ("the ", " music", True), ("the ", " light", False), ("set the ", " to red", False)],
)
def test_a_room_loses_its_kind_only_where_nothing_else_can_stand(before: str, behind: str, bare: bool) -> None:
    """ "In the zorvel", "the zorvel music" can only be places; "the zorvel light" is a lamp called so."""
    template = next(t for t in load_newest() if "{area}" in t.text)
    kitchen = Value("kitchen", "kitchen", Entry("kitchen"))
    last = set()
    for seed in range(200):
        made = Walk(template, [before, ("area", kitchen), behind], {"area": "kitchen"})
        freshen(made, Random(seed))
        last.add(str(made.slots["area"]).split()[-1])
    assert "kitchen" in last
    assert (len(last) > 10) is bare


def test_no_fresh_word_says_a_kind() -> None:
    """ "Garage lamp" is the area garage and its lights, so a lamp is never called so."""
    assert {"kitchen", "garage", "lamp", "thermostat", "timer", "floor"} <= words_of_kinds()
    rng = Random(4)
    assert not {fresh_word(rng) for _ in range(4000)} & words_of_kinds()


@pytest.mark.parametrize(
    ("text", "arguments", "copied", "among"),
    [
        ("turn off the fan in the den", {"area": "den", "domain": "fan"}, ["den"], "turn the fan off in the den"),
        ("turn the fan off in the den", {"area": "den", "domain": "fan"}, ["den"], "turn off the fan in the den"),
        ("open the blinds in the den", {"area": "den"}, ["den"], "in the den, open the blinds"),
        ("increase the volume by 10", {}, [], "raise the volume by 10"),
        ("set the volume to 5", {"volume_level": 5}, [], "I'd like you to set the volume to 5"),
        ("add milk to my list", {"item": "milk"}, ["milk"], "note milk on my list"),
        ("add milk to the shopping list", {"item": "milk"}, ["milk"], "the shopping list needs milk"),
        ("check off milk on my list", {"item": "milk"}, ["milk"], "cross milk off my list"),
        (
            "complete water the lawn from my chores",
            {"item": "water the lawn"},
            [],
            "tick off water the lawn on my chores",
        ),
        ("play the album Blue", {"media_class": "album"}, ["Blue"], "I want to hear the Blue album"),
        ("are any lamps on", {}, [], "quick question, are any lamps on"),
        ("what is the temperature in the den", {"area": "den"}, ["den"], "how warm is it in the den"),
    ],
)
def test_wordings(text: str, arguments: dict[str, object], copied: list[str], among: str) -> None:
    assert among in {vary(text, arguments, copied, False, Random(seed)) for seed in range(600)}


def test_a_value_that_is_copied_is_never_reworded() -> None:
    said = {vary("turn on the oven in 5 minutes", {}, ["turn on the oven"], False, Random(s)) for s in range(300)}
    assert all("turn on the oven" in text for text in said)
    behind_open_end = {vary("add milk and eggs", {}, ["milk and eggs"], True, Random(s)) for s in range(300)}
    assert all(text.endswith("milk and eggs") for text in behind_open_end)


def test_numbers_and_the_call_survive_augmentation() -> None:
    """Every number a call holds as digits or words is still said, whatever the wording."""
    known, _ = known_and_new(load_newest())
    from train.data.smart_home.sampler import row, said

    sampler = Sampler(known, "train", Random(8), augment=True)
    checked = 0
    for _ in range(300):
        made = sampler.sentence()
        text = said(made, sampler.rng, augment=True)
        call = json.loads(row(made, text)["messages"][1]["content"])
        for slot, value in made.values:
            if re.fullmatch(r"\d+", value.surface):
                checked += 1
                assert re.search(rf"\b{value.surface}(?!\d)", text)
                assert slot in call["arguments"]
    assert checked > 30


def test_frames_take_rooms_floors_devices_and_timers_alike() -> None:
    """A frame that takes one kind of subject only would tell the kind before the name is read."""
    known, _ = known_and_new(load_newest())
    sampler, rng = Sampler(known, "train", Random(9), augment=True), Random(10)
    subjects: dict[str, set[str]] = {}
    for _ in range(2500):
        made = sampler.sentence()
        text = framed(made, rng)
        if text is None:
            continue
        for slot, value in made.values:
            if slot in ("area", "floor", "name"):
                assert value.surface in text
                subjects.setdefault(made.template.intent, set()).add(slot)
    for intent in ("HassClimateGetTemperature", "HassCancelTimer", "HassUnpauseTimer", "HassSetVolume"):
        assert {"area", "name"} <= subjects[intent]
    for intent in ("HassLightSet", "HassClimateSetTemperature"):
        assert {"area", "floor", "name"} <= subjects[intent]
