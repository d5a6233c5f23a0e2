"""Forms of the pages of people, teams and API clients. The services validate the values."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.accounts.models import ApiClient, ClientState, Scope, Team, User
from console.accounts.roles import ROLE_HINTS, Role
from console.accounts.states import api_client_state, team_state, user_state
from console.editing.forms import EditForm
from console.editing.revision import State
from console.editing.rotation import OVERLAPS, RotationForm, overlap_field
from console.text.form_fields import FilterForm, LineField, MomentField
from console.text.inputs import ALL
from console.text.visible import is_blank


class LinesField(forms.CharField):
    """Several short texts, one a line. `needed` is shown in place of "optional", and says when a
    value is required."""

    def __init__(self, *, needed: Any = "", required: bool = False, **kwargs: Any) -> None:
        self.needed = needed
        widget = forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
        )
        super().__init__(required=required, max_length=60_000, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        if text and is_blank(text):
            raise forms.ValidationError(_("Nobody sees what stands here: take it out."))
        return [line.strip() for line in text.splitlines() if line.strip()]


# --- People ---------------------------------------------------------------------------------------


class UserFilterForm(FilterForm):
    q = LineField(label=_("Name or e-mail"), max_length=200, required=False)
    role = forms.ChoiceField(
        label=_("Role"), choices=[("", _("All roles")), *Role.choices], required=False
    )
    team = forms.ModelChoiceField(
        label=_("Team"), queryset=Team.objects.all(), required=False, empty_label=_("All teams")
    )
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("All states")), ("active", _("Active")), ("closed", _("Deactivated"))],
        required=False,
    )


class UserForm(EditForm):
    """A person without their password and user name."""

    role_hints: ClassVar = ROLE_HINTS

    first_name = LineField(label=_("First name"), max_length=150, required=False)
    last_name = LineField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"),
        queryset=Team.objects.all(),
        to_field_name="name",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Supervisors see the chats in the queues of their teams."),
    )

    def __init__(
        self, data: QueryDict | None = None, *, user: User | None = None, is_own: bool = False
    ) -> None:
        super().__init__(data, state=None if user is None else user_state(user))
        if is_own:
            # Only another administrator may change one's roles.
            del self.fields["roles"]

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            **{name: typed.get(name, "") for name in ("first_name", "last_name", "email")},
            "roles": sorted(typed.get("roles", [])),
            "teams": sorted(team.name for team in typed.get("teams", [])),
        }


class PasswordForm(forms.Form):
    """A password to hand over. It is shown, since somebody has to pass it on."""

    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        ),
        error_messages={"required": _("Give a password to begin with.")},
        help_text=_("12 characters at least. Hand it over in person; it can't be read again here."),
    )


class NewUserForm(UserForm, PasswordForm):
    """A new person. The user name can't be changed later."""

    username = LineField(
        label=_("User name"),
        max_length=150,
        error_messages={"required": _("Give a user name.")},
        help_text=_("Signs in with it; it never changes. Letters, digits and @ . + - _"),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )

    field_order = ("username", "first_name", "last_name", "email", "roles", "teams", "password")

    def clean(self) -> None:
        super().clean()
        names = {
            name: self.cleaned_data.get(name, "")
            for name in ("username", "first_name", "last_name", "email")
        }
        password = self.cleaned_data.get("password")
        if password:
            try:
                validate_password(password, User(**names))
            except forms.ValidationError as error:
                self.add_error("password", error)


# --- Teams ----------------------------------------------------------------------------------------


class TeamForm(EditForm):
    name = LineField(
        label=_("Name"), max_length=100, error_messages={"required": _("Give the team a name.")}
    )
    queues = LinesField(
        label=_("Queues"),
        help_text=_(
            "One a line, as interactions carry them. A queue belongs to one team at most; chats in "
            "a queue of no team are seen by every supervisor."
        ),
    )
    members = forms.ModelMultipleChoiceField(
        label=_("People"),
        queryset=User.objects.all(),
        to_field_name="username",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: QueryDict | None = None, *, team: Team | None = None) -> None:
        super().__init__(data, state=None if team is None else team_state(team))

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            "name": typed.get("name", ""),
            "queues": typed.get("queues", []),
            "members": sorted(user.username for user in typed.get("members", [])),
        }


# --- API clients ----------------------------------------------------------------------------------


class TeamFilterForm(FilterForm):
    q = LineField(label=_("Team or queue"), max_length=200, required=False)


class ApiClientFilterForm(FilterForm):
    q = LineField(label=_("Name"), max_length=100, required=False)
    state = forms.ChoiceField(
        label=_("State"), choices=[("", _("All states")), *ClientState.choices], required=False
    )


class ApiClientForm(EditForm):
    """What a program may do. Its token is not a field: it is generated, and shown once."""

    scope_hints: ClassVar = {
        Scope.FEED: _("feed: tells the console which chats there are."),
        Scope.SEND: _("send: previews and sends notices; sees chats, notices and its own sends."),
        Scope.READ: _("read: chats, notices, Chat Servers and everybody's sends."),
        Scope.CATALOGUE: _("catalogue: writes notices and presets."),
        Scope.APPROVE: _("approve: decides on notices and presets of others."),
        Scope.ADMIN: _("admin: registers Chat Servers; pauses and stops any send, or all."),
        Scope.AUDIT: _("audit: reads and exports the audit trail."),
    }

    name = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give the API client a name.")},
        help_text=_("So it is called in the audit trail."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one scope.")},
    )
    allowed_notices = LinesField(
        label=_("Notices that it may send"),
        needed=_("needed with the scope send"),
        help_text=_("Their keys, one a line, or * alone for any. Only with the scope to send."),
    )
    addresses = LinesField(
        label=_("Addresses that it may call from"),
        required=True,
        error_messages={
            "required": _("Say where it may call from: ranges of addresses, or * alone for any.")
        },
        help_text=_("Ranges such as 10.1.2.0/24 or 2001:db8::/32, one a line, or * alone for any."),
    )
    expires_at = MomentField(
        label=_("Access expires"),
        required=False,
    )

    def __init__(self, data: QueryDict | None = None, *, client: ApiClient | None = None) -> None:
        if client is None:
            super().__init__(data)
        else:
            super().__init__(data, state=api_client_state(client), initial=_as_typed(client))
        self.fields["scopes"].help_text = _(
            "send, catalogue and approve hold once another administrator has confirmed them."
        )
        zone = timezone.get_default_timezone_name()
        self.fields["expires_at"].help_text = _(
            "On the clocks of %(zone)s. Empty: it lasts until somebody ends it."
        ) % {"zone": zone}

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return api_client_state(
            ApiClient(
                name=typed.get("name", ""),
                scopes=typed.get("scopes", []),
                allowed_notices=sorted(_limits(typed.get("allowed_notices", []))),
                addresses=_limits(typed.get("addresses", [])),
                expires_at=typed.get("expires_at"),
            )
        )

    def in_words(self, name: str, value: Any) -> str:
        is_limit = name in ("allowed_notices", "addresses")
        return super().in_words(name, value) or (ALL if is_limit else "")


def _as_typed(client: ApiClient) -> dict[str, Any]:
    """Return the initial values that the form writes otherwise than the state."""
    given = {"expires_at": client.expires_at, "addresses": client.addresses or [ALL]}
    if Scope.SEND in client.wanted_scopes:
        given["allowed_notices"] = client.wanted_notices or [ALL]
    return given


def _limits(lines: list[str]) -> list[str]:
    """Return the limits as a client stores them: a lone * becomes an empty list."""
    return [] if lines == [ALL] else lines


class TokenForm(RotationForm):
    """A new token, and how long the old one stays valid."""

    overlap = overlap_field(
        _("The old token"),
        (_("ends now"), _("stays valid for an hour"), _("stays valid for a day")),
        initial=OVERLAPS[1],
    )


class SeenForm(forms.Form):
    """The revision of a client that the deciding administrator has seen."""

    seen = LineField(max_length=64, widget=forms.HiddenInput)
