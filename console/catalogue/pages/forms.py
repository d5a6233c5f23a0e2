"""Forms of the pages of the catalogue. The services validate the values."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Team
from console.accounts.roles import Role
from console.catalogue.content import notices
from console.catalogue.content.audience import EVERYONE, audience, audience_choices, kept_choice
from console.catalogue.content.categories import category_state
from console.catalogue.content.languages import direction
from console.catalogue.content.questions import CHOICE_LIMIT, LABEL_LENGTH, TEXT_LENGTH, FieldType
from console.catalogue.content.version_content import CONTENT
from console.catalogue.kinds import hints
from console.catalogue.models import (
    CannedNotice,
    Category,
    NoticeClass,
    NoticeKind,
    NoticeStatus,
    NoticeVersion,
    PresetChange,
    Visibility,
    VisibilityPreset,
)
from console.catalogue.review.presets import preset_state
from console.editing.forms import EditForm
from console.editing.revision import State
from console.text.form_fields import FilterForm, LineField, MomentField, TextField
from console.text.language_tags import html_tag


class NoticeFilterForm(FilterForm):
    """The filters of the list of notices."""

    q = LineField(label=_("Words of any language"), max_length=200, required=False)
    status = forms.ChoiceField(
        label=_("Status"), choices=[("", _("All states")), *NoticeStatus.choices], required=False
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("", _("All kinds")), *NoticeKind.choices], required=False
    )
    category = LineField(label=_("Category"), max_length=600, required=False)
    tag = LineField(label=_("Tag"), max_length=40, required=False)
    show = forms.ChoiceField(
        label=_("Which"),
        choices=[
            ("", _("All notices")),
            ("favourites", _("My favourites")),
            ("recent", _("Sent by me recently")),
            ("most_used", _("Most used")),
            ("never_used", _("Never used")),
            ("ending", _("Ending soon")),
        ],
        required=False,
    )
    days = forms.TypedChoiceField(
        label=_("Since"),
        choices=[(30, _("in 30 days")), (90, _("in 90 days"))],
        coerce=int,
        required=False,
    )


class CategoryChoice(LineField):
    """A category by its path. It is created if it does not exist."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Category"),
            max_length=600,
            required=False,
            help_text=_("With those above it, as in Delivery / Late."),
            widget=forms.TextInput(attrs={"list": "categories", "autocomplete": "off"}),
        )


class NoticeSettingsForm(EditForm):
    """What can change in a notice without review: how people find it, and its team. The title and
    shortcut of a published notice change only with a version."""

    title = LineField(
        label=_("Title"),
        max_length=notices.TITLE_LIMIT,
        error_messages={"required": _("Give the notice a title.")},
    )
    category = CategoryChoice()
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.all(),
        required=False,
        empty_label=_("All teams"),
        help_text=_("Only this team's people see and send it."),
    )
    tags = LineField(
        label=_("Tags"),
        max_length=900,
        required=False,
        help_text=_("Words with commas between them, at most 20."),
    )
    shortcut = LineField(
        label=_("Shortcut"),
        max_length=notices.SHORTCUT_LIMIT + 1,
        required=False,
        help_text=_("On the board it is found by this after a slash: /late. No other has it."),
        widget=forms.TextInput(attrs={"autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: QueryDict | None = None, *, notice: CannedNotice) -> None:
        as_typed = {"team": notice.team_id, "tags": ", ".join(notice.tags)}
        super().__init__(data, state=notices.notice_state(notice), initial=as_typed)
        if notices.names_are_reviewed(notice):
            self.fields["title"].widget.attrs["readonly"] = True
            self.fields["title"].help_text = _(
                "People send the notice by it: another one comes with its next version."
            )
            self.fields["shortcut"].help_text = _(
                "You can take it away. Another one comes with the notice's next version."
            )

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            "title": typed.get("title", ""),
            "category": typed.get("category", ""),
            "team": typed["team"].name if typed.get("team") else "",
            "tags": notices.normal_tags([typed.get("tags", "")]),
            "shortcut": notices.normal_shortcut(typed.get("shortcut", "")),
        }


class CategoryForm(EditForm):
    """A category's name, place and team."""

    name = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give the category a name.")},
    )
    parent = forms.ModelChoiceField(
        label=_("In"),
        queryset=Category.objects.none(),
        required=False,
        empty_label=_("At the top"),
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.all(),
        required=False,
        empty_label=_("All teams"),
        help_text=_("What is in a team's category is that team's too."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        places: QuerySet[Category],
        category: Category | None = None,
        parent: str = "",
    ) -> None:
        if category is None:
            super().__init__(data, initial={"parent": parent})
        else:
            as_typed = {"team": category.team_id}
            super().__init__(data, state=category_state(category), initial=as_typed)
        self.fields["parent"].queryset = places  # type: ignore[attr-defined]

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            "name": typed.get("name", ""),
            "parent": typed["parent"].pk if typed.get("parent") else None,
            "team": typed["team"].name if typed.get("team") else "",
        }

    def in_words(self, name: str, value: Any) -> str:
        if name != "parent":
            return super().in_words(name, value)
        places = self.fields["parent"].queryset  # type: ignore[attr-defined]
        return "".join(places.filter(pk=value).values_list("path", flat=True))


class NoticeForm(forms.Form):
    """A new notice without its texts. The key and the kind can't be changed later."""

    title = LineField(
        label=_("Title"),
        max_length=200,
        error_messages={"required": _("Give the notice a title.")},
        help_text=_("By this people find it. Customers never see it."),
    )
    key = forms.SlugField(
        label=_("Key"),
        max_length=100,
        help_text=_(
            "Workflows send the notice by its key, so it never changes: small letters, digits and "
            "hyphens, for example delivery-delayed."
        ),
        error_messages={
            "required": _("Give the notice a key."),
            "invalid": _(
                "Use small letters, digits and hyphens for the key, for example late-delivery."
            ),
        },
        widget=forms.TextInput(attrs={"autocapitalize": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=NoticeKind.choices,
        help_text=hints(),  # type: ignore[arg-type]  # lazy
    )
    category = CategoryChoice()
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.all(),
        required=False,
        empty_label=_("All teams"),
        help_text=_("Only this team's people see and send it."),
    )


class BodyForm(forms.Form):
    """The text in one language."""

    locale = LineField(label=_("Language"), max_length=35, required=False)
    body = TextField(
        label=_("Text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "true"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        locale = str(self["locale"].value() or "")
        written = {"dir": direction(locale), "lang": html_tag(locale)}
        self.fields["body"].widget.attrs |= written if locale else {}


BodyFormSet = formset_factory(BodyForm, extra=0, max_num=100)


class AskedForm(forms.Form):
    """A question to the sender."""

    name = LineField(label=_("Name"), max_length=40, required=False)
    label = LineField(label=_("Question"), max_length=LABEL_LENGTH, required=False)
    type = forms.ChoiceField(label=_("Type"), choices=FieldType.choices, required=False)
    choices = TextField(
        label=_("Choices"),
        max_length=CHOICE_LIMIT * (TEXT_LENGTH + 1),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One a line; only of the type choice."),
    )
    max_length = forms.IntegerField(
        label=_("Longest"), min_value=1, max_value=TEXT_LENGTH, required=False
    )
    required = forms.BooleanField(label=_("Must be filled in"), required=False)


AskedFormSet = formset_factory(AskedForm, extra=0, max_num=100)


class VersionForm(forms.Form):
    """A version without its texts (BodyFormSet)."""

    default_locale = LineField(
        label=_("Default language"),
        max_length=35,
        error_messages={"required": _("Say which of the languages is the default.")},
        initial="en",
        help_text=_("Customers whose language has no text get this one."),
    )
    preset = forms.ChoiceField(
        label=_("Who sees it"),
        required=False,
        help_text=_("A sender may narrow this, never widen it."),
    )
    kept = LineField(max_length=20, required=False, widget=forms.HiddenInput)
    notice_class = forms.ChoiceField(
        label=_("Class"),
        choices=[
            (NoticeClass.ROUTINE, _("Routine: it goes last, and may be held back first.")),
            (NoticeClass.IMPORTANT, _("Important: it goes before routine notices.")),
            (
                NoticeClass.SAFETY,
                _("Safety: it goes first, and the contact budget never holds it back."),
            ),
        ],
        required=False,
        initial=NoticeClass.ROUTINE,
        widget=forms.RadioSelect,
        help_text=_("It is reviewed with the text."),
    )
    nickname = LineField(
        label=_("Nickname"),
        max_length=100,
        required=False,
        help_text=_("Under this name the chat shows it. Empty: the preset's."),
    )
    new_title = LineField(
        label=_("Title"),
        max_length=notices.TITLE_LIMIT,
        required=False,
        help_text=_("People send the notice by it: another one holds once this is approved."),
    )
    new_shortcut = LineField(
        label=_("Shortcut"),
        max_length=notices.SHORTCUT_LIMIT + 1,
        required=False,
        help_text=_("To the notice, after a slash."),
    )
    message_type = LineField(
        label=_("MessageType"),
        max_length=100,
        required=False,
        help_text=_("Only for messages. Chat Server passes it on as it is."),
    )
    valid_from = MomentField(label=_("Valid from"), required=False)
    valid_until = MomentField(label=_("Valid until"), required=False)
    change_note = TextField(
        label=_("What changed, and why"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For the reviewer."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = str(self["kept"].value() or "")
        self.fields["preset"].choices = audience_choices(kept)  # type: ignore[attr-defined]

    def clean_preset(self) -> str:
        """Return the chosen audience. A page without the choice, such as a snippet's, means
        everyone. An empty choice is refused; so is a missing one if the page was filled with
        another audience than everyone."""
        chosen: str = self.cleaned_data["preset"]
        if not chosen and ("preset" in self.data or self.data.get("kept")):
            raise forms.ValidationError(_("Choose who sees it."))
        return chosen


def version_initial(version: NoticeVersion | None) -> dict[str, Any]:
    """Return a version as the form's initial values."""
    if version is None:
        return {"default_locale": "en", "preset": EVERYONE}
    kept = kept_choice(version)
    content = {name: getattr(version, name) for name in CONTENT if name in VersionForm.base_fields}
    audience = {"preset": kept or EVERYONE, "kept": kept}
    return {**content, **notices.names_to_be(version), **audience}


def bodies_initial(version: NoticeVersion | None) -> list[dict[str, str]]:
    """Return the texts, the default language first."""
    if version is None:
        return [{"locale": "en", "body": ""}]
    first = version.default_locale
    ordered = [first, *(locale for locale in sorted(version.bodies) if locale != first)]
    return [{"locale": locale, "body": version.bodies[locale]} for locale in ordered]


def asked_initial(version: NoticeVersion | None) -> list[dict[str, Any]]:
    """Return the questions as the formset's initial values."""
    fields = version.fields if version else []
    return [{**field, "choices": "\n".join(field["choices"])} for field in fields]


def read_asked(formset: "BaseFormSet[AskedForm]") -> list[dict[str, Any]]:
    """Return the questions for `version_create`, from the rows that have a name or a question."""
    rows = (form.cleaned_data for form in formset.forms)
    return [
        {
            "name": row["name"].strip(),
            "label": row["label"].strip() or row["name"].strip(),
            "type": row["type"] or FieldType.TEXT.value,
            "required": row["required"],
            "choices": [line.strip() for line in row["choices"].splitlines() if line.strip()],
            "max_length": row["max_length"],
        }
        for row in rows
        if row.get("name", "").strip() or row.get("label", "").strip()
    ]


def read_bodies(formset: "BaseFormSet[BodyForm]") -> dict[str, str]:
    """Return the texts by locale, from the rows that have either."""
    rows = (form.cleaned_data for form in formset.forms)
    return {
        row["locale"].strip(): row["body"]
        for row in rows
        if row.get("locale", "").strip() or row.get("body", "").strip()
    }


def version_content(form: VersionForm, bodies: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of VersionContent that the form has."""
    content = {name: value for name, value in form.cleaned_data.items() if name != "kept"}
    return {**content, **audience(content["preset"]), "bodies": bodies}


EVERYBODY = "everybody"


class PresetForm(EditForm):
    """A visibility preset."""

    name = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give the preset a name.")},
    )
    visibility = forms.ChoiceField(
        label=_("Who sees it"),
        # Called for each form, so the labels are in the reader's language.
        choices=lambda: [(value, f"{label} ({value})") for value, label in Visibility.choices],
        error_messages={"required": _("Choose who sees it.")},
    )
    nickname = LineField(
        label=_("Nickname"),
        max_length=100,
        required=False,
        help_text=_("Under this name the chat shows it, unless the notice has its own."),
    )
    roles = forms.MultipleChoiceField(
        label=_("Who may use it"),
        choices=[(EVERYBODY, _("Everybody")), *Role.choices],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose Everybody, or some roles.")},
        help_text=_("Everybody who sends, or people with these roles."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        proposed: VisibilityPreset | PresetChange | None = None,
    ) -> None:
        if proposed is None:
            super().__init__(data)
        else:
            as_typed = {"roles": proposed.roles or [EVERYBODY]}
            super().__init__(data, state=preset_state(proposed), initial=as_typed)

    def clean_roles(self) -> list[str] | None:
        """Return the roles; None means everybody."""
        roles: list[str] = self.cleaned_data["roles"]
        if EVERYBODY not in roles:
            return roles
        if len(roles) > 1:
            raise forms.ValidationError(_("Choose Everybody alone, or some roles."))
        return None

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            **{name: typed.get(name, "") for name in ("name", "visibility", "nickname")},
            "roles": sorted(typed.get("roles") or []),
        }

    def in_words(self, name: str, value: Any) -> str:
        return super().in_words(name, [EVERYBODY] if name == "roles" and not value else value)
