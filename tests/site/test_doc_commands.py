"""The commands of manage.py in docs/ are there, and take what the documents give them."""

import re
import shlex
from collections.abc import Iterator

import pytest
import pytest_randomly
from django.core.management import get_commands, load_command_class

from tests.support.demos import ROOT

DOCS = ROOT / "docs"
# In running text or in a block, and as the command of a container; goes on after a backslash.
COMMAND = re.compile(
    r"(?:manage\.py|podman run[^`]*? notice-console|(?:^ +|`|/deploy/|: )notice-console)"
    r"(?: --env-file \S+)?(?: \\\n)? +([a-z][a-z_]+)((?:[^`\n\\|>#;&)]|\\\n)*)",
    re.MULTILINE,
)
DJANGO = {"check", "migrate"}
# The files that take these words as they stand, and no placeholder for something else.
PRECISE = (
    "backup.md",
    "containers.md",
    "deploy.md",
    "operations.md",
    "site-guide.md",
    "upgrade.md",
)


def told() -> Iterator[tuple[str, str, list[str]]]:
    """Each command with the file that tells of it, and its words."""
    for path in sorted(DOCS.glob("*.md")):
        for name, rest in COMMAND.findall(path.read_text("utf-8")):
            yield path.name, name, shlex.split(rest.replace("\\\n", " ").replace("'", "").strip())


def test_they_are_there() -> None:
    found = {name for _file, name, _words in told()}
    assert len(found) > 15
    assert {"backup", "restore", "restored", "audit_verify", "worker", "serve"} <= found
    # audit.md: `notice-console checkpoint` and so on begin what is signed.
    what_is_signed = {"checkpoint", "batch", "certificate", "revocation", "delivery"}
    assert found - set(get_commands()) == what_is_signed


@pytest.mark.parametrize("file", PRECISE)
def test_they_take_what_is_given(file: str) -> None:
    given = [(name, words) for where, name, words in told() if where == file]
    assert given, file
    for name, words in given:
        options = [word for word in words if word.startswith("--")]
        if options and name not in DJANGO:
            command = load_command_class(get_commands()[name], name)
            known = {
                flag
                for action in command.create_parser("manage.py", name)._actions
                for flag in action.option_strings
            }
            assert set(options) <= known, f"{file}: {name} {' '.join(words)}"


# --- For who works on it -------------------------------------------------------------------------

CONTRIBUTING = (DOCS / "contributing.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_what_make_is_asked_for_is_there() -> None:
    asked = re.findall(r"(?:^ +|`)make ([a-z-]+)((?: [A-Z]+=\S+)*)", CONTRIBUTING, re.MULTILINE)
    assert {"test", "test-quick", "check", "torture"} <= {target for target, _given in asked}
    for target, given in asked:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
        for name in re.findall(r"([A-Z]+)=", given):
            assert f"$({name})" in MAKEFILE or f"$(if $({name})" in MAKEFILE, (target, name)


def test_a_test_is_run_as_it_is_said(pytestconfig: pytest.Config) -> None:
    lines = re.findall(
        r"^ +\.venv/bin/python -m pytest (.*?)(?: *#.*)?$", CONTRIBUTING, re.MULTILINE
    )
    assert len(lines) > 2
    parser = pytestconfig._parser
    if not pytestconfig.pluginmanager.hasplugin("randomly"):
        pytest_randomly.pytest_addoption(parser)  # it was switched off for this run
    known = {
        name for group in parser._groups for option in group.options for name in option.names()
    }
    for line in lines:
        path, *words = line.split()
        assert (ROOT / path).exists(), line
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert options <= known, line
