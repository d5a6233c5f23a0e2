"""An empty argument of a command is refused: the variable of a script that nobody has set."""

import argparse
from pathlib import Path

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from console.site import commands

OWN = sorted(name for name, app in get_commands().items() if str(app).startswith("console"))
# What Django gives every command.
BASE = set(vars(commands.Command().create_parser("manage.py", "x").parse_args([])))


def test_all_refuse_what_is_empty() -> None:
    assert len(OWN) > 15
    for name in OWN:
        command = load_command_class(get_commands()[name], name)
        assert isinstance(command, commands.Command), name
        parser = command.create_parser("manage.py", name)
        for action in parser._actions:
            takes_text = action.dest not in BASE and action.nargs != 0 and action.dest != "help"
            if takes_text and not isinstance(action, argparse._StoreTrueAction):
                assert action.type is not Path, f"{name}: {action.dest} takes commands.path"
                refuses(command, parser, action)


def refuses(
    command: commands.Command, parser: argparse.ArgumentParser, action: argparse.Action
) -> None:
    """By its type while it is read, or when the command is about to run."""
    for nothing in ("", " ", "\u200b"):
        try:
            value = parser._get_value(action, nothing)
        except argparse.ArgumentError:
            continue
        given = [value] if isinstance(action, argparse._AppendAction) else value
        with pytest.raises(CommandError, match="is empty"):
            command.execute(**{action.dest: given})


def test_an_empty_path_is_not_the_folder_of_now() -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        commands.path("")
