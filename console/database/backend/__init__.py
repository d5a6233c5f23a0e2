"""Django's PostgreSQL backend with the console's own sessions. Django loads `base` from here."""
