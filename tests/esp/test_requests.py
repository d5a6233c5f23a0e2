from typing import Any

import pytest

from console.esp import (
    InvalidRequest,
    KVList,
    Method,
    NoticeType,
    ValueType,
    Visibility,
    build_message,
    build_notice,
)

USER_DATA = KVList.of({"InteractionId": "0001aB3", "IsOnline": "1"})


def message(**changes: Any) -> Any:
    return build_message(**{"app_name": "CS", "text": "Hello", "user_data": USER_DATA, **changes})


def notice(**changes: Any) -> Any:
    fields = {"app_name": "CS", "notice_type": "USER_CUSTOM", "user_data": USER_DATA}
    return build_notice(**{**fields, **changes})


def parameters(**fields: str) -> KVList:
    return KVList.of(fields)


def test_a_message_has_just_what_the_documentation_names() -> None:
    made = message()
    assert made.method is Method.MESSAGE
    assert made.user_data is USER_DATA
    assert made.request == KVList.of(
        {
            "AppName": "CS",
            "AppType": "ChatServer",
            "Service": "Chat",
            "Method": "Message",
            "Parameters": {"MessageText": "Hello", "Visibility": "ALL"},
        }
    )


def test_a_message_with_everything() -> None:
    made = message(
        text="Grüße",
        visibility=Visibility.VIP,
        message_type="greeting",
        nickname="System",
        tenant_id=101,
        media_type="chat",
    )
    assert made.request == KVList.of(
        [
            ("AppName", "CS"),
            ("AppType", "ChatServer"),
            ("Service", "Chat"),
            ("Method", "Message"),
            ("TenantId", 101),
            ("MediaType", "chat"),
            (
                "Parameters",
                {
                    "MessageText": "Grüße",
                    "MessageType": "greeting",
                    "Nickname": "System",
                    "Visibility": "VIP",
                },
            ),
        ]
    )
    inner = made.request.get("Parameters")
    assert inner[0].type is ValueType.UTF
    assert made.request[4].type is ValueType.INT


def test_a_tenant_id_of_zero_is_an_id() -> None:
    assert message(tenant_id=0).request.get("TenantId") == 0


def test_a_custom_notice_needs_no_text() -> None:
    made = notice()
    assert made.method is Method.NOTICE
    assert made.request.get("Method") == "Notice"
    assert made.request.get("Parameters") == parameters(NoticeType="USER_CUSTOM", Visibility="ALL")


def test_a_push_url_with_everything() -> None:
    made = notice(
        notice_type=NoticeType.USER_PUSHED_URL,
        text="https://www.example.com/a?b=c#d",
        nickname="System",
        visibility="INT",
        tenant_id=1,
        media_type="chat",
    )
    assert made.request.get("Parameters") == parameters(
        NoticeType="USER_PUSHED_URL",
        NoticeText="https://www.example.com/a?b=c#d",
        Nickname="System",
        Visibility="INT",
    )
    assert (made.request.get("TenantId"), made.request.get("MediaType")) == (1, "chat")


def test_a_custom_notice_text_need_not_be_a_url() -> None:
    assert notice(text="anything: goes").request.get("Parameters").get("NoticeText")


@pytest.mark.parametrize(
    ("build", "changes", "code"),
    [
        (message, {"text": ""}, "empty_text"),
        (message, {"text": " \n\t"}, "empty_text"),
        (message, {"text": "\ud83d"}, "invalid_value"),
        (message, {"app_name": ""}, "empty_app_name"),
        (message, {"app_name": "  "}, "empty_app_name"),
        (message, {"visibility": "all"}, "unknown_visibility"),
        (message, {"visibility": ""}, "unknown_visibility"),
        (message, {"tenant_id": 2**31}, "invalid_value"),
        (message, {"tenant_id": True}, "invalid_value"),
        (notice, {"app_name": ""}, "empty_app_name"),
        (notice, {"visibility": "NONE"}, "unknown_visibility"),
        (notice, {"notice_type": "USER_OTHER"}, "unknown_notice_type"),
        (notice, {"notice_type": ""}, "unknown_notice_type"),
        (notice, {"notice_type": "USER_PUSHED_URL"}, "invalid_url"),
    ],
)
def test_what_may_not_be_built(build: Any, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(**changes)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")


def test_the_refusal_names_the_choices() -> None:
    with pytest.raises(InvalidRequest, match="Use one of ALL, INT, VIP"):
        message(visibility="everyone")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "HTTPS://EXAMPLE.COM/",
        "https://example.com:8443/a/b?c=d&e=%20#f",
        "https://[2001:db8::1]:8443/",
        "https://bücher.example/straße",
        "https://example.com/?next=https://other.example/@me",
    ],
)
def test_good_push_urls(url: str) -> None:
    made = notice(notice_type="USER_PUSHED_URL", text=url)
    assert made.request.get("Parameters").get("NoticeText") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/path",
        "//example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http:example.com",
        "http:///path",
        "http://",
        "http://:80/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://@example.com/",
        "http://example.com:http/",
        "http://example.com:65536/",
        "http://[::1",
        "http://example.com/a b",
        " http://example.com/",
        "http://example.com/\n",
        "http://exam\tple.com/",
        "http://example.com/\x00",
        "http://example.com/\x7f",
        "http://example.com/\u00a0",
        "http://example.com/\u202egpj.exe",
        "http://evil.example\\.good.example/",
        "http://example.com/a\\b",
        "http://good%2eexample/",
        "http://a<b>.example/",
    ],
)
def test_bad_push_urls(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        notice(notice_type="USER_PUSHED_URL", text=url)
    assert caught.value.code == "invalid_url"
    assert "https://www.example.com/help" in str(caught.value)
