"""What the API gives to those who write."""

from typing import Any

from rest_framework import serializers


class VariableOutput(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="As a text names it.")
    percent = serializers.IntegerField(help_text="Of 100 live chats those that have a value.")


class VariablesOutput(serializers.Serializer[Any]):
    chats = serializers.IntegerField(help_text="How many live chats were counted.")
    variables = VariableOutput(many=True)


class TextSeen(serializers.Serializer[Any]):
    locale = serializers.CharField()
    body = serializers.CharField(help_text="Empty where it would not be sent.")
    refusal = serializers.CharField(help_text="Why it would not.")
    length = serializers.IntegerField(help_text="In characters.")
    limit = serializers.IntegerField(help_text="In characters.")


class StaleLanguage(serializers.Serializer[Any]):
    locale = serializers.CharField()
    since = serializers.IntegerField(help_text="The version in which it last changed.")
    changed = serializers.IntegerField(help_text="That in which the default language did.")


class MissingLanguage(serializers.Serializer[Any]):
    locale = serializers.CharField()
    percent = serializers.IntegerField(help_text="Of 100 live chats those in this language.")


class OutdatedSnippet(serializers.Serializer[Any]):
    key = serializers.CharField()
    number = serializers.IntegerField()
    published = serializers.IntegerField(allow_null=True)


class UntranslatedSnippet(serializers.Serializer[Any]):
    locale = serializers.CharField()
    key = serializers.CharField()
    chosen = serializers.CharField(help_text="The language that it would have there.")


class PreviewOutput(serializers.Serializer[Any]):
    interaction = serializers.CharField(allow_null=True, help_text="None is the example.")
    texts = TextSeen(many=True)
    tried_chats = serializers.IntegerField()
    failing_chats = serializers.IntegerField()
    failing_mostly_for = serializers.CharField()
    stale = StaleLanguage(many=True)
    missing = MissingLanguage(many=True)
    outdated_snippets = OutdatedSnippet(many=True)
    untranslated_snippets = UntranslatedSnippet(many=True)
