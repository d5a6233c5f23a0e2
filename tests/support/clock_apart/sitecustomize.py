"""Shifts the wall clock of a process by CLOCK_APART seconds: time.time and datetime.now.

Python imports it at the start of a process that has this folder on its PYTHONPATH.
"""

import datetime as module
import os
import time

APART = float(os.environ.get("CLOCK_APART", "0"))
_time, _time_ns, _datetime = time.time, time.time_ns, module.datetime


class _Shifted(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _datetime)


class _Datetime(_datetime, metaclass=_Shifted):  # type: ignore[misc,valid-type]
    __slots__ = ()

    @classmethod
    def now(cls, tz=None):
        return _datetime.fromtimestamp(_time() + APART, tz)

    @classmethod
    def utcnow(cls):
        return _datetime.utcfromtimestamp(_time() + APART)

    @classmethod
    def today(cls):
        return cls.now()


if APART:
    time.time = lambda: _time() + APART
    time.time_ns = lambda: _time_ns() + round(APART * 1e9)
    module.datetime = _Datetime  # type: ignore[misc]
