"""The base of forms for things that others may edit at the same time."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.editing.conflict import Difference, EditConflict
from console.editing.revision import State, revision
from console.text.form_fields import LineField


def said_token(form: forms.Form, name: str) -> str | None:
    """Return the hidden field that identifies what the page was filled with; None if the form has
    no such field. An empty value would switch the comparison off, so it is refused."""
    if form.add_prefix(name) not in form.data:
        return None
    token: str = form.cleaned_data[name]
    if not token:
        raise forms.ValidationError(
            _("This page has lost what it was filled with. Load it again, then save.")
        )
    return token


class EditForm(forms.Form):
    """Edits something that others may edit at the same time. `expected` is the revision of the
    state that the form was filled with. Without a `state` the form creates something, and has no
    such field.

    `initial` is for fields whose input is not written as in the state.
    """

    expected = LineField(required=False, max_length=64, widget=forms.HiddenInput)

    conflict: EditConflict | None = None

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        state: State | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        known = {} if state is None else {**state, "expected": revision(state)}
        super().__init__(data, initial={**known, **(initial or {})})
        if state is None:
            del self.fields["expected"]

    def clean_expected(self) -> str | None:
        return said_token(self, "expected")

    def show_conflict(self, saved: State, *, passable: bool) -> None:
        """Show the saved state beside the input. If the conflict is `passable`, add an error to
        each field that differs, and let the next save replace the saved state."""
        differences = self.differences(saved)
        title = _("What is saved now, and what you typed")
        self.conflict = EditConflict(str(title), list(differences.values()), passable=passable)
        if not passable:
            return
        if isinstance(self.data, QueryDict):
            data = self.data.copy()
            data["expected"] = revision(saved)
            self.data = data
        for name, one in differences.items():
            shown = one.saved or _("nothing")
            self.add_error(name, _("Kept now: %(value)s") % {"value": shown})

    def differences(self, saved: State) -> dict[str, Difference]:
        """Return the differences, by field name."""
        typed = self.typed_state()
        return {
            name: Difference(
                str(self.fields[name].label),
                self.in_words(name, value),
                self.in_words(name, typed[name]),
            )
            for name, value in saved.items()
            if name in self.fields and typed[name] != value
        }

    def in_words(self, name: str, value: Any) -> str:
        """Return a value of a state as text for the page; empty for none."""
        field = self.fields[name]
        if isinstance(value, bool):
            return str(_("yes") if value else _("no"))
        is_choice = isinstance(field, forms.ChoiceField)
        of_rows = isinstance(field, forms.ModelChoiceField)  # the state has the rows' names
        labels: dict[Any, Any] = dict(field.widget.choices) if is_choice and not of_rows else {}
        values = value if isinstance(value, list) else [value]
        return ", ".join(str(labels.get(each, each)) for each in values)

    def typed_state(self) -> State:
        """Return the input in the form of a state."""
        raise NotImplementedError
