"""The safe way from an answer of the model to an effect.

An answer that was cut off is refused, whole call or not. What else the model says is checked against tools.json, names
are looked up in the home's lists, and only then may a function that the app registered be called; without
`dry_run=False` not even that. All else is refused or asked back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .action import Action, Correction, Question
from .answer import Answer
from .call_check import Fault, check_arguments, read_call
from .call_grammar import CallGrammar
from .errors import ActionError
from .home import Home
from .names import find

Effect = TypeVar("Effect", bound=Callable[..., Any])


@dataclass(frozen=True)
class Outcome:
    """What happened: `done` only where the app's function was called, `value` is what it returned."""

    action: Action
    done: bool
    message: str
    value: Any = None


class Actions:
    """The functions of tools.json, the home's names, and what the app does for each call.

    Args:
        tools: list of {"name", "parameters": JSON schema}; SchemaError where a keyword cannot be checked.
        home: lists of names by argument (home.py), or None: names are taken as they are said.

    Example:
        actions = Actions(read_tools(Path("mobile/tools.json")), {"area": ["kitchen", "bedroom"]})

        @actions.on("HassTurnOn")
        def turn_on(area=None, domain=None, name=None, floor=None, device_class=None): ...

        outcome = actions.perform(chat.answer("turn on the kitchen lights"))  # dry: says what it would do
    """

    def __init__(self, tools: Sequence[dict[str, Any]], home: Mapping[str, Any] | Home | None = None) -> None:
        CallGrammar(tools)  # what constrained decoding cannot promise is not checked here either: refused by name
        self._parameters: dict[str, Any] = {tool["name"]: tool.get("parameters") or {} for tool in tools}
        self._home = home if isinstance(home, Home) else Home({} if home is None else home, tools)
        self._effects: dict[str, Callable[..., Any]] = {}

    def on(self, function: str) -> Callable[[Effect], Effect]:
        """Decorator: registers what to do for a function; it gets the arguments by keyword.

        ActionError where tools.json has no such function, or the effect cannot take every call that is valid.
        """
        if function not in self._parameters:
            raise ActionError(f"tools.json has no function {function!r}; it has {', '.join(sorted(self._parameters))}.")

        def register(effect: Effect) -> Effect:
            _check_signature(effect, function, self._parameters[function])
            self._effects[function] = effect
            return effect

        return register

    def consider(self, answer: Answer | str, choices: Mapping[str, str] | None = None) -> Action:
        """What an answer comes to; nothing is done. `choices`: names by argument that answer earlier questions.

        Give the Answer where there is one: a text alone does not tell whether it was cut off.
        """
        if isinstance(answer, Answer) and not answer.stopped:
            return Action("refused", code="cut_off")
        call = read_call(answer.text if isinstance(answer, Answer) else answer)
        if call is None:
            return Action("refused", code="not_a_call")
        if call.name is None:
            return Action("nothing")
        if call.name not in self._parameters:
            return Action("refused", code="unknown_function")
        arguments = call.arguments | dict(choices or {})
        fault = check_arguments(arguments, self._parameters[call.name])
        if fault is not None:
            return _refused(call.name, fault)
        return self._resolved(call.name, arguments)

    def perform(self, answer: Answer | str, dry_run: bool = True, choices: Mapping[str, str] | None = None) -> Outcome:
        """Considers an answer and, where it is ready and `dry_run` is off, calls the registered effect.

        What the effect raises is the app's own and comes through.
        """
        action = self.consider(answer, choices)
        if action.status != "ready":
            return Outcome(action, False, action.text())
        effect = self._effects.get(str(action.function))
        if effect is None:
            return Outcome(action, False, f"nothing is registered for {action.function}")
        if dry_run:
            return Outcome(action, False, f"would call {action.text()}")
        return Outcome(action, True, f"called {action.text()}", effect(**action.arguments))

    def _resolved(self, function: str, arguments: dict[str, Any]) -> Action:
        resolved = dict(arguments)
        corrected: list[Correction] = []
        questions: list[Question] = []
        for argument in sorted(arguments):
            said = arguments[argument]
            names = self._home.names(function, argument)
            if names is None or not isinstance(said, str):
                continue
            found = find(said, names)
            if found.name is not None:
                resolved[argument] = found.name
                corrected += [Correction(argument, said, found.name)] if found.name != said else []
            elif found.suggestions:
                questions.append(Question(argument, said, list(found.suggestions)))
            else:
                return _refused(function, Fault("unknown_name", argument))
        return Action("ask" if questions else "ready", function, resolved, corrected, questions)


def _refused(function: str, fault: Fault) -> Action:
    return Action("refused", function, code=fault.code, argument=fault.argument)


def _check_signature(effect: Callable[..., Any], function: str, parameters: Mapping[str, Any]) -> None:
    """Every argument of the schema can be given, and nothing that is optional there is needed here."""
    taken = inspect.signature(effect).parameters
    anything = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    named = {name: one for name, one in taken.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    required = set(parameters.get("required", []))
    missing = [] if anything else sorted(set(parameters.get("properties", {})) - set(named))
    needed = sorted(name for name, one in named.items() if one.default is one.empty and name not in required)
    if missing or needed:
        raise ActionError(
            f"The effect of {function!r} cannot take every valid call: "
            + (f"it lacks the argument {missing[0]!r}." if missing else f"{needed[0]!r} needs a default value.")
        )
