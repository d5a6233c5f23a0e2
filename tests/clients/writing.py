"""Writes programs that make each call of the API once, by a generated client.

What a program prints at its end is JSON: of each call its status, and whether the client lost
something of the answer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.api.openapi.document import api_document
from tests.api.each_call import each_call

PYTHON = '''
import json
import os
from collections.abc import Mapping

from notice_console_client import AuthenticatedClient
{imports}

client = AuthenticatedClient(base_url=os.environ["CONSOLE"], token=os.environ["TOKEN"])
told: dict[str, dict[str, object]] = {{}}


def names(value: object) -> object:
    """The names in an answer, at their places."""
    if isinstance(value, Mapping):
        return {{name: names(each) for name, each in value.items()}}
    return [names(each) for each in value] if isinstance(value, list) else None


def tell(case: str, status: int, content: bytes, parsed: object) -> None:
    lost = False
    is_json = content.startswith((b"{{", b"[")) and b"}}\\n{{" not in content  # or lines of it
    if status != 204 and is_json:
        as_dict = getattr(parsed, "to_dict", None)
        if as_dict is None:
            lost = True
        else:
            lost = names(json.loads(content)) != names(as_dict())
    told[case] = {{"status": status, "lost": lost}}


{calls}
print(json.dumps(told))
'''
TYPESCRIPT = """
import createClient from "openapi-fetch";
import type {{ paths }} from "./api.js";

const headers = {{ Authorization: `Bearer ${{process.env.TOKEN}}` }};
const client = createClient<paths>({{ baseUrl: process.env.CONSOLE ?? "", headers }});
const told: Record<string, {{ status: number; lost: boolean }}> = {{}};

function tell(name: string, answer: {{ data?: unknown; error?: unknown; response: Response }}) {{
  const status = answer.response.status;
  const lost = status !== 204 && answer.data === undefined && answer.error === undefined;
  told[name] = {{ status, lost }};
}}

{calls}
console.log(JSON.stringify(told));
"""


@dataclass(frozen=True)
class Call:
    """One call. `path` is the template; `arguments` are what stands in its places, in order."""

    case: str
    method: str
    path: str
    arguments: dict[str, str | int]
    body: Any
    operation: dict[str, Any]

    @property
    def model(self) -> str:
        """The name of the body's schema."""
        content = self.operation["requestBody"]["content"]["application/json"]
        return str(content["schema"]["$ref"]).rpartition("/")[2]

    @property
    def is_json(self) -> bool:
        good = next(each for status, each in self.operation["responses"].items() if status < "3")
        return "application/json" in good.get("content", {"application/json": {}})


def calls(addresses: dict[str, str]) -> list[Call]:
    """All that the document has, in the order of `each_call`."""
    paths = api_document()["paths"]
    return list(_calls(paths, addresses))


def _calls(paths: dict[str, Any], addresses: dict[str, str]) -> Iterator[Call]:
    for method, name, body in each_call():
        if name == "schema":  # the document itself
            continue
        path, arguments = _found(paths, addresses[name])
        yield Call(f"{method} {name}", method, path, arguments, body, paths[path][method.lower()])


def _found(paths: dict[str, Any], address: str) -> tuple[str, dict[str, str | int]]:
    """The template of an address, the one with the fewest places, and what stands in these."""
    for path in sorted(paths, key=lambda path: path.count("{")):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
        if found := re.fullmatch(pattern, address):
            arguments = found.groupdict().items()
            return path, {name: int(it) if it.isdecimal() else it for name, it in arguments}
    raise LookupError(address)


def in_python(made: list[Call]) -> str:
    """For the client that openapi-python-client makes."""
    imports: set[str] = set()
    lines: list[str] = []
    for call in made:
        function = call.operation["operationId"]
        tag = call.operation["tags"][0].replace("-", "_")
        imports.add(f"from notice_console_client.api.{tag} import {function}")
        given = [*map(repr, call.arguments.values()), "client=client"]
        if call.body is not None:
            module = re.sub(r"(?<!^)(?=[A-Z])", "_", call.model).lower()
            imports.add(f"from notice_console_client.models.{module} import {call.model}")
            given.append(f"body={call.model}.from_dict({call.body!r})")
        answer = f"answer_{len(lines)}"
        lines.append(
            f"{answer} = {function}.sync_detailed({', '.join(given)})\n"
            f"tell({call.case!r}, {answer}.status_code, {answer}.content, {answer}.parsed)"
        )
    return PYTHON.format(imports="\n".join(sorted(imports)), calls="\n".join(lines))


def in_typescript(made: list[Call]) -> str:
    """For the types that openapi-typescript makes."""
    lines = []
    for call in made:
        given = []
        if call.arguments:
            given.append(f"params: {{ path: {json.dumps(call.arguments)} }}")
        if call.body is not None:
            given.append(f"body: {json.dumps(call.body)}")
        if not call.is_json:
            given.append('parseAs: "blob"')
        lines.append(
            f"tell({json.dumps(call.case)}, await client.{call.method}"
            f"({json.dumps(call.path)}, {{ {', '.join(given)} }}));"
        )
    return TYPESCRIPT.format(calls="\n".join(lines))
