"""Searches of a short and of a long history, as the blocks that each reads.

Blocks of 8 kB are what a search costs whatever else the machine does. The two histories are made
alike (tools.scale): years of sends, skewed. Beside the blocks stands the time of each search as a
multiple of a look-up of one delivery by its id in the same history.

The long one is made here, or it is that of a console with its own PostgreSQL, such as a demo, that
`make scale` has filled (`--history-at`).
"""

import os
import subprocess
import sys

from django.db import connection

from tools.bench.history_costs import Measured, measured
from tools.bench.measures import create_send
from tools.bench.progress import say
from tools.bench.results import Row
from tools.bench.world import World
from tools.scale.filling import NUMBERS_FROM, fill, searchable

SHORT = 100_000
BLOCKS_MOST, RATIO_MOST, TIMES_MOST = 2000, 2.0, 20.0


def history(world: World) -> list[Row]:
    """Blocks that searches read in a long history : in a short one."""
    create_send(world.chats(1))
    short = _made(SHORT)
    given = world.history_at
    long = _measured_at(given) if given else _made(max(world.history, SHORT))
    return [_row(name, long, short) for name in long.costs]


def _row(name: str, long: Measured, short: Measured) -> Row:
    first, second = long.costs[name], short.costs[name]
    times = first.seconds / long.look_up
    ratio = first.blocks / max(second.blocks, 1)
    return Row(
        "history",
        f"{name} ({first.rows} rows) of {long.deliveries:,} : of {short.deliveries:,}",
        unit="blocks",
        first=first.blocks,
        second=second.blocks,
        ratio=ratio,
        goal=f"≤ {BLOCKS_MOST:,} blocks or ratio ≤ {RATIO_MOST:g}; ≤ {TIMES_MOST:g} look-ups",
        is_met=(first.blocks <= BLOCKS_MOST or ratio <= RATIO_MOST) and times <= TIMES_MOST,
        note=f"{1e3 * first.seconds:.1f} ms, {times:.1f} look-ups by id.",
        details={"times": times, "milliseconds": 1e3 * first.seconds},
    )


def _made(number: int) -> Measured:
    say(f"history: {number:,} deliveries …")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "TRUNCATE sends_historyfact, sends_historypart, sends_historyspan, sends_origin"
        )
        cursor.execute("DELETE FROM sends_delivery WHERE id > (SELECT min(id) FROM sends_delivery)")
        cursor.execute("DELETE FROM sends_send WHERE id > (SELECT min(id) FROM sends_send)")
        cursor.execute("DELETE FROM catalogue_noticeversion WHERE id > %s", [NUMBERS_FROM])
        cursor.execute("DELETE FROM catalogue_cannednotice WHERE id > %s", [NUMBERS_FROM])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM FULL sends_delivery")
        cursor.execute("VACUUM FULL sends_delivery_at_rest")
    fill(number, packed=True)
    say(f"history: {number:,} deliveries are made")
    for _ in searchable():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    say(f"history: {number:,} deliveries can be searched")
    return measured()


def _measured_at(folder: str) -> Measured:
    say("history: the database that was given …")
    command = [sys.executable, "-m", "tools.bench.history_costs"]
    environment = {**os.environ, "CONSOLE_DATA": folder}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Measured.from_json(answer.stdout)
