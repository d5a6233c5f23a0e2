"""The console's settings for processes that tests start: signing in costs them next to nothing.

Hashing passwords slowly is Django's tested business. What the console's own settings have hashed is
still taken.
"""

from console.settings import *  # noqa: F403

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
