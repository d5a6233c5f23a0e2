"""Prints values into a text, or percent-encoded into a URL."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import TextIO
from urllib.parse import quote

from liquid import RenderContext
from liquid.builtin.expressions import Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.exceptions import LiquidTypeError, OutputStreamLimitError
from liquid.expression import Expression
from liquid.undefined import Undefined

from console.catalogue.templating.filling.lines import (
    BREAK,
    END,
    ISOLATED,
    START,
    Captured,
    Written,
    on_one_line,
)
from console.catalogue.templating.filling.state import FORM_WORK, Filling, current
from console.catalogue.templating.filling.times import placed
from console.catalogue.templating.filling.unreadable import Nothing, nothing, require_value
from console.text.sentences import term

# Blocks whose characters are right-to-left, assigned or not (DerivedBidiClass.txt), with RLM and
# ALM; and characters with a direction of their own among right-to-left letters: other letters and
# digits.
_RTL = (
    "\u0590-\u08ff\u200f\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff"
    "\U0001e800-\U0001efff"
)
_TURNS_LTR = re.compile(f"[{_RTL}]")
_TURNS_RTL = re.compile(rf"(?![{_RTL}])[^\W_]|\d|\u200e")


def as_text(value: object) -> str:
    """Return the printed value.

    Raises UndefinedError for a missing value and for an empty list, and LiquidTypeError for a whole
    object.
    """
    kind = type(value)
    if kind is str or kind is Written:
        return value  # type: ignore[return-value]
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (date, Decimal, float)):
        current.get().count(FORM_WORK)
        return current.get().forms.raw(placed(value) if isinstance(value, date) else value)
    if kind is Nothing or issubclass(kind, Undefined):
        require_value(value)
    if isinstance(value, Mapping):
        raise LiquidTypeError(term("this prints a whole object; name the value in it"), token=None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        require_value(value or nothing("a list"))
        return "".join(map(as_text, value))
    return str(value)


def is_time(value: object) -> bool:
    return isinstance(value, (date, datetime))


def name_of(expression: Expression) -> str:
    """Return the expression's name in the template, for people. Only variables have one."""
    return str(expression) if isinstance(expression, Path) else "The value"


class _TextOutputNode(OutputNode):
    """`{{ … }}`: prints a text, a number, a date or a list, but never a whole object."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        filling = current.get()
        value = self.expression.evaluate(context)
        if isinstance(value, (list, tuple)) and not value:
            value = nothing(name_of(getattr(self.expression, "left", self.expression)))
        return _write(self.printed(value, filling), buffer, filling)

    def printed(self, value: object, filling: Filling) -> str:
        return _outlined(value, filling)


class _EncodedOutputNode(_TextOutputNode):
    """`{{ … }}` in a URL: the result of the filters is percent-encoded."""

    def printed(self, value: object, filling: Filling) -> str:
        return quote(on_one_line(as_text(value)), safe="")


def _outlined(value: object, filling: Filling) -> str:
    """Return the printed value, its edges marked if it could affect the text around it."""
    is_rtl = filling.forms.is_rtl
    if type(value) is str and not is_rtl and value.isascii():
        return value
    text = as_text(value)
    if isinstance(value, Written) or (not is_rtl and text.isascii()):
        return text
    if (_TURNS_RTL if is_rtl else _TURNS_LTR).search(text):
        start = ISOLATED
    elif BREAK in text:
        start = START
    else:
        return text
    filling.marked = True
    return f"{start}{text}{END}"


def _write(text: str, buffer: TextIO, filling: Filling) -> int:
    filling.written += len(text)
    if filling.written > filling.limit:
        raise OutputStreamLimitError("output stream limit reached", token=None)
    return buffer.write(text)


class _CycleNode(CycleNode):
    """Liquid's `cycle`, printed like all other output."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        group = as_text(self.group.evaluate(context)) if self.group else str(self.args)
        place = context.cycle(group, len(self.args))
        if place >= len(self.args):  # another cycle of this name is longer
            return 0
        filling = current.get()
        return _write(_outlined(self.args[place].evaluate(context), filling), buffer, filling)


class CarefulCycle(CycleTag):
    node_class = _CycleNode


class _CaptureNode(CaptureNode):
    """Liquid's `capture`. The captured text is finished, so it is printed as it is."""

    def render_to_output(self, context: RenderContext, _: TextIO) -> int:
        filling = current.get()
        before, captured = filling.written, StringIO()
        self.block.render(context, captured)
        kind = Captured if filling.written > before else Written
        context.assign(self.name, kind(captured.getvalue()))
        return 0


class CarefulCapture(CaptureTag):
    node_class = _CaptureNode


class TextOutput(Output):
    node_class = _TextOutputNode


class EncodedOutput(Output):
    node_class = _EncodedOutputNode
