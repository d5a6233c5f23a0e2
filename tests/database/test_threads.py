"""Calls of many who wait for a thread at the same time run together."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from console.database.threads import DatabaseThreads, Together

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_SECONDS = 60


def run(scene: Callable[[DatabaseThreads], Coroutine[None, None, None]], threads: int) -> None:
    async def whole() -> None:
        databases = DatabaseThreads(threads)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await scene(databases)
        finally:
            await databases.close()

    asyncio.run(whole())


def all_of(calls: list[Awaitable[int]]) -> Awaitable[list[int | BaseException]]:
    return asyncio.gather(*calls, return_exceptions=True)


def test_each_gets_the_result_of_its_own_item() -> None:
    runs: list[list[int]] = []

    def squares(items: list[int]) -> list[int]:
        runs.append(items)
        return [item * item for item in items]

    async def scene(databases: DatabaseThreads) -> None:
        together = Together(databases, squares, most=16, share=1.0)
        assert await all_of([together.call(n) for n in range(40)]) == [n * n for n in range(40)]
        assert await together.call(7) == 49

    run(scene, threads=1)
    assert [len(items) for items in runs] == [16, 16, 8, 1]
    assert [item for items in runs for item in items] == [*range(40), 7]


def test_a_few_are_shared_out() -> None:
    """Two workers with four Chat Servers each begin with the same ones: neither takes all."""
    runs: list[int] = []

    def counted(items: list[int]) -> list[int]:
        runs.append(len(items))
        return items

    async def scene(databases: DatabaseThreads) -> None:
        together = Together(databases, counted, most=16, share=1 / 4)
        for number in (4, 8):
            await all_of([together.call(n) for n in range(number)])

    run(scene, threads=1)
    assert runs == [1, 1, 1, 1, 2, 2, 1, 1, 1, 1]


def test_an_error_is_that_of_its_run_alone() -> None:
    def refuses_nine(items: list[int]) -> list[int]:
        if 9 in items:
            raise ValueError("nine")
        return items

    async def scene(databases: DatabaseThreads) -> None:
        together = Together(databases, refuses_nine, most=5, share=1.0)
        results = await all_of([together.call(n) for n in range(15)])
        assert [isinstance(each, ValueError) for each in results] == [False] * 5 + [True] * 5 + [
            False
        ] * 5

    run(scene, threads=1)


def test_who_comes_later_does_not_wait_for_a_call_that_got_no_answer() -> None:
    silent, answered = threading.Event(), threading.Event()

    def silent_for_the_first(items: list[int]) -> list[int]:
        if 0 in items:
            silent.set()
            assert answered.wait(DEADLINE_SECONDS)
        return items

    async def scene(databases: DatabaseThreads) -> None:
        together = Together(databases, silent_for_the_first, most=16, share=1.0)
        first = asyncio.create_task(together.call(0))
        await asyncio.to_thread(silent.wait, DEADLINE_SECONDS)
        assert await all_of([together.call(n) for n in (1, 2)]) == [1, 2]
        assert not first.done()
        answered.set()
        assert await first == 0

    run(scene, threads=2)


def test_who_gave_up_takes_nobody_else_along() -> None:
    async def scene(databases: DatabaseThreads) -> None:
        together = Together[int, int](databases, lambda items: items, most=16, share=1.0)
        calls = [asyncio.create_task(together.call(n)) for n in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [results[0], results[2]] == [0, 2]
        assert isinstance(results[1], asyncio.CancelledError)

    run(scene, threads=1)
