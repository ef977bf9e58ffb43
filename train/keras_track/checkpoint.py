"""Checkpoints of the student's training: weights and optimizer as safetensors, the rest as JSON; whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from train.atomic import clear_partial, put_back, sha256_file, whole_folder, write_json
from train.errors import TandemError
from train.keras_track.early_stopping import Selection
from train.progress import say

GONE, DAMAGED = "is gone", "is damaged"


@dataclass(frozen=True)
class TrainState:
    """Where a training stands. The next batch is that of `step`; seed and order follow from the config."""

    step: int
    total_steps: int
    cut: bool  # whether a time budget has already cut total_steps
    spent_s: float
    selection: Selection = field(default_factory=Selection)


class Checkpoint:
    """One checkpoint, replaced by each newer one.

    Args:
        folder: where it stands; its stage deletes it once the result is recorded.
        fingerprint: of the stage; a checkpoint of another config, data or code is not used.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder, self._fingerprint = folder, fingerprint

    def beside(self, name: str) -> Checkpoint:
        """Another checkpoint of the same training, in the folder `name` beside this one."""
        return Checkpoint(self._folder.with_name(name), self._fingerprint)

    def save(self, state: TrainState, variables: Mapping[str, Sequence[Any]]) -> None:
        """Writes state and variables; the former checkpoint stands until this one is whole."""
        clear_partial(self._folder)
        arrays = {name: np.asarray(variable) for name, variable in _named(variables).items()}
        with whole_folder(self._folder) as folder:
            save_file(arrays, folder / "variables.safetensors")
            card = {
                "fingerprint": self._fingerprint,
                "sha256": sha256_file(folder / "variables.safetensors"),
                **asdict(state),
            }
            write_json(folder / "state.json", card)

    def state(self) -> TrainState | None:
        """Where the training stood; None where there is nothing to go on from."""
        card, fault = self._card()
        if not fault:
            values = {name: card[name] for name in TrainState.__dataclass_fields__}
            return TrainState(**values | {"selection": Selection(**card["selection"])})
        if fault != GONE:
            say(f"distill: {self._folder} {fault}; training starts anew")
        return None

    def fault(self) -> str:
        """Why it can't be used; "" where it can."""
        return self._card()[1]

    def load(self, variables: Mapping[str, Sequence[Any]]) -> None:
        """Sets the variables. TandemError where the checkpoint is damaged or gone."""
        if fault := self.fault():
            raise TandemError(f"The checkpoint {self._folder} {fault}. Delete {self._folder.parent} to train anew.")
        arrays = load_file(self._folder / "variables.safetensors")
        for name, variable in _named(variables).items():
            variable.assign(arrays[name])

    def _card(self) -> tuple[dict[str, Any], str]:
        """state.json, and what is wrong with the checkpoint ("" where it fits and is whole)."""
        put_back(self._folder)
        weights = self._folder / "variables.safetensors"
        try:
            card: dict[str, Any] = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}, GONE
        except ValueError:
            return {}, DAMAGED
        if card.get("fingerprint") != self._fingerprint:
            return {}, "belongs to another config, data or code"
        whole = weights.exists() and sha256_file(weights) == card["sha256"]
        return (card, "") if whole else ({}, DAMAGED)


def _named(variables: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Variables by group and place: Keras's own paths carry counters that differ between two models of one process."""
    return {f"{group}.{i:04d}": variable for group, members in variables.items() for i, variable in enumerate(members)}
