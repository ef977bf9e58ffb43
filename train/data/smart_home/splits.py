"""Which template and which sentence belongs to training, validation or the tests.

Both are decided by a hash and by nothing else, so a split never depends on how many rows another
split asks for: a sentence (case-folded) has one role for ever, and training can't draw what a test
could hold.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from train.data.smart_home.grammar import Template

Role = Literal["train", "val", "test"]
_HELD_OUT = 0.25


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def role(sentence: str) -> Role:
    """The split a sentence may occur in."""
    draw = fraction("role:" + sentence.casefold())
    return "train" if draw < 0.8 else "val" if draw < 0.85 else "test"


def known_and_new(templates: Iterable[Template]) -> tuple[list[Template], list[Template]]:
    """Training templates and held-out templates.

    Every intent × slot combination × constants keeps a training template. A template text is held
    out as a whole: the same text for another kind of device goes with it.
    """
    groups: dict[str, dict[str, list[Template]]] = defaultdict(lambda: defaultdict(list))
    for template in templates:
        groups[template.group][template.text].append(template)
    known: list[Template] = []
    new: list[Template] = []
    for group, by_text in groups.items():
        order = sorted(by_text, key=lambda text: fraction(f"{group}:{text}"))
        held = _held_out(group, len(order))
        new += [template for text in order[:held] for template in by_text[text]]
        known += [template for text in order[held:] for template in by_text[text]]
    return known, new


def _held_out(group: str, count: int) -> int:
    """About a quarter of a group's templates; of two or three, one in half of the groups."""
    if count < 2:
        return 0
    if count < 4:
        return int(fraction(f"held:{group}") < 0.5)
    return round(_HELD_OUT * count)
