"""What has become of one answer: a call that may be carried out, a question, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Status = Literal["ready", "nothing", "ask", "refused"]

REASONS = {
    "cut_off": "the answer was cut off",
    "not_a_call": "the answer is no call",
    "unknown_function": "the answer names a function that is not offered",
    "unknown_argument": "the function has no such argument",
    "missing_argument": "an argument is missing",
    "wrong_type": "an argument is of the wrong type",
    "not_allowed": "an argument has a value that is not offered",
    "out_of_range": "an argument is out of range",
    "unknown_name": "nothing here has such a name",
}


class Correction(NamedTuple):
    """A name that was replaced by the home's."""

    argument: str
    said: str
    meant: str


class Question(NamedTuple):
    """A name that may mean one of the suggestions, best first."""

    argument: str
    said: str
    suggestions: list[str]


@dataclass(frozen=True)
class Action:
    """The fields are those of a result in mobile/contract/README.md; only a `ready` one may be carried out."""

    status: Status
    function: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    corrected: list[Correction] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    code: str | None = None
    argument: str | None = None

    def entry(self) -> dict[str, Any]:
        """As JSON."""
        corrected = [correction._asdict() for correction in self.corrected]
        questions = [question._asdict() for question in self.questions]
        return vars(self) | {"corrected": corrected, "questions": questions}

    def text(self) -> str:
        """One line for people."""
        if self.status == "nothing":
            return "no function applies"
        if self.status == "refused":
            where = f": {self.argument}" if self.argument else ""
            return f"refused, {REASONS[self.code or 'not_a_call']}{where}"
        if self.status == "ask":
            return "; ".join(f"{ask.said!r}: did you mean {_or(ask.suggestions)}?" for ask in self.questions)
        return f"{self.function}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def _or(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
