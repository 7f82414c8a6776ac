"""What is said of a command line that Typer refuses, in the words of this program."""

import re
from collections.abc import Mapping
from typing import Any

from typer.exceptions import TyperException

from models.naming import hint
from search.system import next_commands

# What Pydantic calls what it finds, and what to give instead; it tells the limit itself.
_NUMBERS = {
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_parsing": "give a number",
    "greater_than_equal": "give {ge:g} or more",
    "less_than_equal": "give {le:g} or less",
}
_CHOICES = re.compile(r"'([^']*)' is not one of (.+?)\.?")
_COMMAND = re.compile(r"No such command '(.*?)'.*", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)")
_VALUE = re.compile(r"Option '(.*)' (requires an argument|does not take a value)\.")


def words(error: TyperException) -> str:
    """Return what is wrong and the way out; empty where the help was shown."""
    said = error.format_message().strip()
    context: Any = getattr(error, "ctx", None)
    if option := getattr(error, "option_name", "") if hasattr(error, "possibilities") else "":
        return f"no option {option}{hint(option, _options(context))}; see `{_help(context)}`"
    if found := _COMMAND.fullmatch(said):
        names = list(context.command.commands)
        return f"no command {found[1]!r}{hint(found[1], names)}; there are {', '.join(names)}"
    if found := _VALUE.fullmatch(said):
        return f"{found[1]}: {'needs a value' if found[2].startswith('requires') else 'takes no value'}"
    if found := _EXTRA.fullmatch(said):
        return f"more words than {context.info_name} takes: {found[1]}; see `{_help(context)}`"
    if parameter := getattr(error, "param", None):
        return _of_parameter(error, parameter, context)
    return said


def _of_parameter(error: TyperException, parameter: Any, context: Any) -> str:
    name = parameter.opts[0] if parameter.param_type_name == "option" else (parameter.metavar or parameter.name.upper())
    if hasattr(error, "param_type"):
        return f"{context.info_name} needs {name}; see `{_help(context)}`"
    return f"{name} {_of_value(error)}"


def _of_value(error: TyperException) -> str:
    cause: Any = error.__cause__
    problem: Mapping[str, Any] = cause.errors()[0] if hasattr(cause, "errors") else {}
    said = str(problem.get("msg", error.message)).removeprefix("Value error, ")
    value = problem.get("input", "")
    if chosen := _CHOICES.fullmatch(said):
        choices = re.findall(r"'([^']*)'", chosen[2])
        return f"{chosen[1]}: not one of {', '.join(choices)}{hint(chosen[1], choices)}"
    way_out = _NUMBERS.get(str(problem.get("type")), said)
    return f"{value}: {way_out.format(**problem.get('ctx', {}))}"


def _options(context: Any) -> list[str]:
    return [option for parameter in context.command.params for option in (*parameter.opts, *parameter.secondary_opts)]


def _help(context: Any) -> str:
    return next_commands.command(context.info_name, "--help") if context.parent else f"{next_commands.program()} --help"
