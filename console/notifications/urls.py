"""URLs of one's own notifications, of what waits, and of the state of mail."""

from django.urls import path

from console.notifications.pages import mail, own

urlpatterns = [
    path("account/notifications/", own.own_notifications, name="own-notifications"),
    path("account/notifications/stand-ins/", own.own_stand_in_new, name="own-stand-in-create"),
    path(
        "account/notifications/stand-ins/<int:stand_in_id>/end/",
        own.own_stand_in_end,
        name="own-stand-in-end",
    ),
    path("waiting/", own.waiting, name="waiting"),
    path("mail/", mail.state, name="mail-state"),
    path("mail/test/", mail.test, name="mail-test"),
]
