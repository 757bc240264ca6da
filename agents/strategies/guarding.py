"""Stands between a firm and its decision rules: what goes wrong in a rule is told as such.

A rule that raises, answers with no finite number, or asks for what its view does not hold ends the
run with one line that names strategy, firm and month.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from numbers import Real
from operator import attrgetter
from typing import Any, Final


class StrategyError(ValueError):
    """A strategy that cannot be used: unknown, out of range, or one that failed during a run."""


class Guard:
    """A rule in use by a firm; it has the rule's fields and methods (see `guarded`).

    It does not know the firm: a rule may be given another one's guard.
    """

    __slots__ = ("_name", "_rule", "_when")

    def __init__(self, rule: Any, name: str, when: Callable[[], str]) -> None:
        self._rule = rule
        self._name = name
        self._when = when

    def _fault(self, what: str) -> StrategyError:
        return StrategyError(f"strategy {self._name} in {self._when()}: {' '.join(what.split())}")


def guarded(rule: Any, name: str, when: Callable[[], str]) -> Any:
    """The rule as a firm holds it.

    Args:
        rule: that decides.
        name: of strategy, decision and firm, for messages.
        when: tells the month.
    """
    kind = _guard_of(type(rule))  # type: ignore[arg-type] # a class is hashable
    return kind(rule, name, when)


@lru_cache(maxsize=256)
def _guard_of(rule: type) -> type[Guard]:
    """A class with the rule's fields and guarded methods; made once a rule, so that calls are fast.

    A look-up by name on each call would cost more than most rules take.
    """
    members: dict[str, Any] = {"__slots__": ()}
    for name in {name for name in dir(rule) if not name.startswith("_")}:
        member = getattr(rule, name)
        if isinstance(member, property) and member.fget is not None:
            members[name] = property(_method(member.fget, name))
        elif callable(member):
            members[name] = _method(member, name)
    for field in fields(rule):
        members[field.name] = property(attrgetter(f"_rule.{field.name}"))
    return type(f"Guarded{rule.__name__}", (Guard,), members)


def _method(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    check = _ANSWERS.get(name, _number)

    def method(self: Guard, *given: Any) -> Any:
        try:
            value = call(self._rule, *given)
        except StrategyError:
            raise
        except Exception as error:
            raise self._fault(_told(error)) from error
        if value.__class__ is float and value - value == 0.0:  # as most are
            return value
        return check(self, value, name, given)

    return method


def _number(guard: Guard, value: Any, name: str, given: Any) -> Any:
    if not isinstance(value, Real) or not float(value) - float(value) == 0.0:
        raise guard._fault(f"{name} answers {_shown(value)}, expected a finite number")
    return value


def _number_or_all(guard: Guard, value: Any, name: str, given: Any) -> Any:
    """A number, or infinity for no limit."""
    return value if value == float("inf") else _number(guard, value, name, given)


def _number_and_reason(guard: Guard, value: Any, name: str, given: Any) -> Any:
    if not (isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str)):
        raise guard._fault(f"{name} answers {_shown(value)}, expected a number and a reason")
    _number(guard, value[0], name, given)
    return value


def _tactic(guard: Guard, value: Any, name: str, given: Any) -> Any:
    """The tactic given, or another one, which is guarded in its turn."""
    if value is given[0]:
        return value
    if not hasattr(value, "aspiration"):
        raise guard._fault(f"{name} answers {_shown(value)}, expected a tactic")
    return guarded(value, guard._name, guard._when)


_ANSWERS: Final[dict[str, Callable[[Guard, Any, str, Any], Any]]] = {
    "kept_h100e": _number_or_all,
    "allowed_h100e": _number_and_reason,
    "tactic": _tactic,
}


def _told(error: Exception) -> str:
    """What went wrong in a rule; of an unknown name of a view, what the view holds."""
    known = getattr(getattr(error, "obj", None), "_fields", None)
    if isinstance(error, AttributeError) and known and error.name not in known:
        view = type(error.obj).__name__
        return f"asks for '{error.name}', which {view} does not hold; it holds {', '.join(known)}"
    return f"{type(error).__name__}: {error}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
