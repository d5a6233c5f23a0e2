"""The site's settings, only from environment variables. docs/settings.md describes each."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import available_timezones

from console.accounts.approvals.settings import read_approval_rules
from console.accounts.signing_in.directory_settings import read_directory_settings
from console.api.http.rest_settings import rest_framework_settings
from console.api.openapi.settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from console.audit.siem import settings as siem
from console.audit.witnessing.policy import quorum_minutes, read_policy
from console.catalogue.transfer.jobs.settings import IMPORT_LIMIT as IMPORT_LIMIT
from console.catalogue.transfer.jobs.settings import IMPORT_MEMORY as IMPORT_MEMORY
from console.catalogue.transfer.jobs.settings import IMPORT_ROW_LIMIT as IMPORT_ROW_LIMIT
from console.database.settings import database_settings, postgresql, standby_settings
from console.exports.settings import EXPORT_AT_ONCE_ROWS as EXPORT_AT_ONCE_ROWS
from console.exports.settings import EXPORTS_A_PERSON as EXPORTS_A_PERSON
from console.interactions.poller.settings import read_poll_settings
from console.notifications.settings import NO_SERVER, channels, mail_address, mail_server
from console.security.content_policy import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY
from console.security.generated_secrets import kept, made_up_key, made_up_secret_key
from console.sends.engine.transport_settings import read_transport_options
from console.sends.plan.contact_settings import read_contact_budget
from console.site import environment as env
from console.site.languages import languages_in
from console.site.logs import configure_structlog, logging_settings
from console.site.unsafe_settings import refuse_unsafe

BASE_DIR = Path(__file__).resolve().parent.parent
# Templates and static files are beside the package in a checkout, and inside it in an installed
# wheel.
FILES_DIR = BASE_DIR if (BASE_DIR / "templates").is_dir() else BASE_DIR / "console"

# --- Locations ----------------------------------------------------------------------------------

CONSOLE_DATA = env.read("CONSOLE_DATA", env.folder, BASE_DIR / ".data")
# Where a worker keeps outcomes that it can't record before it ends.
OUTCOMES_TO = env.read("CONSOLE_OUTCOMES_TO", env.folder, CONSOLE_DATA / "outcomes")
DATABASE_URL = env.read("DATABASE_URL", postgresql, "")
# A pooler in transaction mode before it, for web processes: those that have a pool.
POOLER_URL = env.read("CONSOLE_POOLER_URL", postgresql, "")
# A standby of it, for searches of the history and exports; and how far it may be behind.
REPLICA_URL = env.read("CONSOLE_REPLICA_URL", postgresql, "")
REPLICA_LAG_SECONDS = env.read(
    "CONSOLE_REPLICA_LAG_SECONDS", env.number(least=1, most=3600, unit="seconds"), 60
)
# The console's own PostgreSQL, for trying it out; only if it is requested.
EMBEDDED = env.read("CONSOLE_EMBEDDED", env.boolean, False)
DATABASE_POOL_SIZE = env.read(
    "CONSOLE_DATABASE_POOL_SIZE", env.number(least=0, most=500, unit="connections"), 0
)
# For the workers' sessions: after this time without a response from a machine, its locks are
# released.
DATABASE_KEEPALIVE_SECONDS = env.read(
    "CONSOLE_DATABASE_KEEPALIVE_SECONDS", env.number(least=0, most=3600, unit="seconds"), 10
)
# The folder of PostgreSQL's programs for backups; if it is not set, PATH is searched.
PG_BIN = env.read("CONSOLE_PG_BIN", env.existing_folder, None)

# --- The console's own limits ------------------------------------------------------------------

TEXT_LIMIT = env.read(
    "CONSOLE_TEXT_LIMIT", env.number(least=1, most=100_000, unit="characters"), 4096
)
URL_LIMIT = 2048
VARIABLE_WARN_PERCENT = env.read(
    "CONSOLE_VARIABLE_WARN_PERCENT", env.number(least=0, most=100, unit="percent"), 20
)
PUSH_URL_HOSTS = env.read("CONSOLE_PUSH_URL_HOSTS", env.international_hosts, list[str]())
TARGET_LIMIT = env.read(
    "CONSOLE_TARGET_LIMIT", env.number(least=1, most=100_000, unit="chats"), 10_000
)
UNDO_SECONDS = env.read("CONSOLE_UNDO_SECONDS", env.number(least=0, most=60, unit="seconds"), 5)
DELIVERY_TTL_SECONDS = env.read(
    "CONSOLE_DELIVERY_TTL_SECONDS", env.number(least=1, most=86_400, unit="seconds"), 120
)
FREE_NICKNAMES = env.read("CONSOLE_FREE_NICKNAMES", env.boolean, False)
# For these three, 0 means no limit.
APPROVAL_ABOVE = env.read(
    "CONSOLE_APPROVAL_ABOVE", env.number(least=0, most=100_000, unit="chats"), 500
)
HOURLY_QUOTA = env.read(
    "CONSOLE_HOURLY_QUOTA", env.number(least=0, most=10_000_000, unit="chats"), 5000
)
RESEND_GUARD_MINUTES = env.read(
    "CONSOLE_RESEND_GUARD_MINUTES", env.number(least=0, most=10_080, unit="minutes"), 10
)
# Within how many minutes somebody else must confirm an emergency; 0 switches the path off.
EMERGENCY_CONFIRM_MINUTES = env.read(
    "CONSOLE_EMERGENCY_CONFIRM_MINUTES", env.number(least=0, most=1_440, unit="minutes"), 0
)
# A search of the history or the trail that takes longer is ended. Web sessions end at 30 seconds.
SEARCH_SECONDS = env.read(
    "CONSOLE_SEARCH_SECONDS", env.number(least=1, most=25, unit="seconds"), 10
)
# Searches that run at once, over all web processes: of a person, and of all.
SEARCHES_OF_A_PERSON = env.read(
    "CONSOLE_SEARCHES_OF_A_PERSON", env.number(least=1, most=100, unit="searches"), 3
)
SEARCHES_AT_ONCE = env.read(
    "CONSOLE_SEARCHES_AT_ONCE", env.number(least=1, most=100, unit="searches"), 8
)
# A send pauses itself if a larger share of its deliveries failed or is unknown; 0: never.
PAUSE_ABOVE_PERCENT = env.read(
    "CONSOLE_PAUSE_ABOVE_PERCENT", env.number(least=0, most=99, unit="percent"), 50
)
CONTACT_BUDGET = read_contact_budget()
INTERACTION_RETENTION_DAYS = env.read("CONSOLE_INTERACTION_RETENTION_DAYS", env.days(least=1), 30)
TEXT_RETENTION_DAYS = env.read("CONSOLE_TEXT_RETENTION_DAYS", env.days(least=0), 0)  # 0: forever
RECORD_READING = env.read("CONSOLE_RECORD_READING", env.boolean, False)
# The ledger: its signing key, the public keys that signed before, and where checkpoints go.
AUDIT_KEY = env.read("CONSOLE_AUDIT_KEY", env.key, "") or (
    kept(CONSOLE_DATA / "audit_key", made_up_key()) if EMBEDDED else ""
)
# What this process signs its entries with: a line of manage.py audit_key --process, or a file with
# it. Without it a process that has the audit key makes a key for itself.
PROCESS_KEY = env.read("CONSOLE_PROCESS_KEY", env.process_key, "")
AUDIT_OLD_KEYS = env.read("CONSOLE_AUDIT_OLD_KEYS", env.public_keys, list[str]())
CHECKPOINTS_TO = env.read("CONSOLE_CHECKPOINTS_TO", env.place, "") or (
    str(CONSOLE_DATA / "checkpoints") if EMBEDDED else ""
)
# The tree over the ledger: its name, and the folder where it is published.
LOG_ORIGIN = env.read("CONSOLE_LOG_ORIGIN", env.log_name, "")
LOG_TO = env.read("CONSOLE_LOG_TO", env.whole_path, "")
CHECKPOINTS_CA = env.read("CONSOLE_CHECKPOINTS_CA", env.certificates, "")
# Every night, compare what the database says with what the ledger says.
STATE_CHECK = env.read("CONSOLE_STATE_CHECK", env.boolean, True)
# Who cosigns the tree over the ledger, and how many of them suffice (console.audit.witnessing).
WITNESS_POLICY = env.read("CONSOLE_WITNESS_POLICY", read_policy, None)
WITNESS_CA = env.read("CONSOLE_WITNESS_CA", env.certificates, "")
# How old the newest quorum may be when a large send is made or something is approved; 0: any age.
QUORUM_MINUTES = env.read("CONSOLE_QUORUM_MINUTES", quorum_minutes, 0)
# An authority that stamps heads of the tree with its time (RFC 3161), and whom its stamps need.
TIMESTAMP_AUTHORITY = env.read("CONSOLE_TIMESTAMP_AUTHORITY", env.secure_address, "")
TIMESTAMP_CERTIFICATES = env.read("CONSOLE_TIMESTAMP_CERTIFICATES", env.certificates, "")
TIMESTAMP_CA = env.read("CONSOLE_TIMESTAMP_CA", env.certificates, "")
# Where the ledger is streamed to (console.audit.siem), what of it, and in which format.
SIEM_TO = env.read("CONSOLE_SIEM_TO", siem.destinations, tuple[siem.Destination, ...]())
SIEM_ACTIONS = env.read("CONSOLE_SIEM_ACTIONS", siem.chosen_actions, None)
SIEM_FORMAT = env.read("CONSOLE_SIEM_FORMAT", env.one_of(siem.OCSF, siem.CEF), siem.OCSF)
SIEM_CA = env.read("CONSOLE_SIEM_CA", env.certificates, "")
SIEM_CERTIFICATE = env.read("CONSOLE_SIEM_CERTIFICATE", env.file, "")
SIEM_CERTIFICATE_KEY = env.read("CONSOLE_SIEM_CERTIFICATE_KEY", env.file, "")
# A file with a header for receivers at https://, which has a secret.
SIEM_HEADER = env.read("CONSOLE_SIEM_HEADER", siem.header_file, "")
# How many of the last messages are sent again after a connection of syslog broke.
SIEM_RESEND = env.read(
    "CONSOLE_SIEM_RESEND", env.number(least=0, most=20_000, unit="messages"), 1000
)
FEED_EVENT_LIMIT = env.read(
    "CONSOLE_FEED_EVENT_LIMIT", env.number(least=1, most=10_000, unit="events"), 1000
)
# The last lines of a live chat's transcript that are kept and shown. 0: none.
TRANSCRIPT_LINES = env.read(
    "CONSOLE_TRANSCRIPT_LINES", env.number(least=0, most=200, unit="lines"), 0
)
CUSTOMER_NAME_KEYS = env.read("CONSOLE_CUSTOMER_NAME_KEYS", env.words, ["FirstName", "LastName"])
# The user-data key whose value is the same in all chats of a customer; "": there is none.
CUSTOMER_KEY = env.read("CONSOLE_CUSTOMER_KEY", env.text, "")
CHAT_TIME_ZONE_KEY = env.read("CONSOLE_CHAT_TIME_ZONE_KEY", env.text, "")
# Polling Interaction Server for live chats, in addition to the feed.
POLL = read_poll_settings()
# A test keeps this equal to the transports of console.esp, which only `sends` may import.
CHAT_SERVER_SCHEMES = ("esp+json", "esp+json+tls", "psdk", "psdk+tls", "ors+http", "ors+https")
TRANSPORT_OPTIONS = read_transport_options()
# Java for psdk:// addresses: the operator's own jars, the JVM's options, and Java's location.
PSDK_CLASSPATH = env.read("PSDK_CLASSPATH", env.paths, tuple[str, ...]())
PSDK_JVM_OPTIONS = env.read("PSDK_JVM_OPTIONS", env.options, tuple[str, ...]())
JAVA_HOME = env.read("JAVA_HOME", env.text, "")
# For psdk+tls:// addresses: the trusted authorities, and the console's own certificate.
PSDK_TRUST_STORE = env.read("PSDK_TRUST_STORE", env.file, "")
PSDK_TRUST_STORE_PASSWORD = env.read("PSDK_TRUST_STORE_PASSWORD", env.text, "")
PSDK_KEY_STORE = env.read("PSDK_KEY_STORE", env.file, "")
PSDK_KEY_STORE_PASSWORD = env.read("PSDK_KEY_STORE_PASSWORD", env.text, "")

# --- Webhooks: allowed destinations, timeouts and retention -------------------------------------

# Ranges of private addresses that webhooks may call all the same.
WEBHOOK_PRIVATE_ADDRESSES = env.read(
    "CONSOLE_WEBHOOK_PRIVATE_ADDRESSES", env.networks, list[env.Network]()
)
WEBHOOK_HTTP = env.read("CONSOLE_WEBHOOK_HTTP", env.boolean, False)
WEBHOOK_CA = env.read("CONSOLE_WEBHOOK_CA", env.certificates, "")
WEBHOOK_TIMEOUT_SECONDS = env.read(
    "CONSOLE_WEBHOOK_TIMEOUT_SECONDS", env.number(least=1, most=30, unit="seconds"), 10
)
WEBHOOK_RETENTION_DAYS = env.read("CONSOLE_WEBHOOK_RETENTION_DAYS", env.days(least=1), 7)

# --- Notifications: mail, channels, reminders ----------------------------------------------------

# Under which address people reach the console, for links in mails and channels.
CONSOLE_URL = env.read("CONSOLE_URL", env.origin, "")
MAIL_SERVER = env.read("CONSOLE_EMAIL_URL", mail_server, NO_SERVER)
DEFAULT_FROM_EMAIL = env.read("CONSOLE_EMAIL_FROM", mail_address, "")
EMAIL_CA = env.read("CONSOLE_EMAIL_CA", env.certificates, "")
CHANNELS = env.read("CONSOLE_CHANNELS", channels, dict[str, str]())
# After so many minutes without a decision; 0 means never.
REMIND_AFTER = env.read(
    "CONSOLE_REMIND_AFTER", env.number(least=0, most=10_080, unit="minutes"), 30
)
ESCALATE_AFTER = env.read(
    "CONSOLE_ESCALATE_AFTER", env.number(least=0, most=10_080, unit="minutes"), 60
)
EMAIL_BACKEND = "console.notifications.smtp.Backend"
EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.username, MAIL_SERVER.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.tls == "starttls", MAIL_SERVER.tls == "tls"
EMAIL_TIMEOUT = 10

# Control ports of the demo's simulators: "name=port,name=port". Empty if this is no demo.
DEMO_SIMULATORS = env.read("CONSOLE_DEMO_SIMULATORS", env.pairs, dict[str, str]())

# --- Django ------------------------------------------------------------------------------------

SECRET_KEY = env.read("CONSOLE_SECRET_KEY", env.secret_key, "") or (
    kept(CONSOLE_DATA / "secret_key", made_up_secret_key()) if EMBEDDED else ""
)
# Old keys: their signatures stay valid, and new ones use the present key.
SECRET_KEY_FALLBACKS = env.read("CONSOLE_OLD_SECRET_KEYS", env.words, list[str]())
DEBUG = env.read("CONSOLE_DEBUG", env.boolean, False)
# Without HTTPS cookies would be sent unencrypted, so only the embedded set-up starts without it.
HTTPS = env.read("CONSOLE_HTTPS", env.boolean, not EMBEDDED)
# Explicit consent to let other machines use a console without HTTPS.
PLAIN_HTTP = env.read("CONSOLE_PLAIN_HTTP", env.boolean, False)
# Trust only a proxy that sets X-Forwarded-Proto and X-Forwarded-For itself.
TRUST_PROXY = env.read("CONSOLE_TRUST_PROXY", env.boolean, False)
ALLOWED_HOSTS = env.read(
    "CONSOLE_ALLOWED_HOSTS", env.hosts, ["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else []
)
CSRF_TRUSTED_ORIGINS = env.read("CONSOLE_TRUSTED_ORIGINS", env.origins, list[str]())
# Sites whose pages may show the page of a chat in a frame.
EMBED_ORIGINS = env.read("CONSOLE_EMBED_ORIGINS", env.framing_origins, list[str]())

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "csp",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "console.audit",
    "console.accounts",
    "console.exports",
    "console.catalogue",
    "console.interactions",
    "console.sends",
    "console.notifications",
    "console.webhooks",
    "console.incidents",
    "console.backups",
    "console.api",
    "console.web",
    "console.demo",
]

MIDDLEWARE = [
    "console.web.requests.middleware.ArrivalMiddleware",
    "console.web.requests.compression.CompressionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    # Outside of everything that can fail, so that error responses have its header too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.web.requests.middleware.PoliciesMiddleware",
    "console.web.requests.embedding.EmbeddingMiddleware",
    "console.web.requests.middleware.NotStoredMiddleware",
    "console.web.requests.middleware.ProblemMiddleware",
    "console.web.server.parts.PartsMiddleware",
    "console.web.requests.middleware.ReadableRequestMiddleware",
    "console.web.requests.static_files.StaticFilesMiddleware",
    "console.web.requests.idle.OpenPageCookiesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "console.web.requests.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.web.requests.limits.RateMiddleware",
    "console.web.requests.idle.SessionUseMiddleware",
    "console.web.requests.signed_out.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "console.accounts.signing_in.first_password.FirstPasswordMiddleware",
    "console.accounts.signing_in.second_factor.SecondFactorMiddleware",
    "axes.middleware.AxesMiddleware",
    "console.web.requests.unsaved.SavedFormMiddleware",
    "console.web.requests.middleware.ConsoleErrorMiddleware",
]

ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [FILES_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "console.web.folding.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.web.pages.context.console",
            ],
        },
    },
]

DATABASES = {
    "default": database_settings(
        DATABASE_URL, embedded=EMBEDDED, pool_size=DATABASE_POOL_SIZE, pooler=POOLER_URL
    )
} | standby_settings(REPLICA_URL)
DATABASE_ROUTERS = ["console.database.reading.Router"] if REPLICA_URL else []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# All processes share what django-allauth stores for a while: used one-time codes, and counts of
# wrong ones. The cache "process" is local.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_sharedvalue",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [FILES_DIR / "locale"]
LANGUAGES = languages_in(LOCALE_PATHS[0])
TIME_ZONE = env.read("CONSOLE_TIME_ZONE", env.one_of(*sorted(available_timezones())), "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = CONSOLE_DATA / "static"
STATICFILES_DIRS = [FILES_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.site.static_version.VersionedFiles"},
}
# The demo and developers need no collectstatic: files are served from their folders.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_ALLOW_ALL_ORIGINS = False

# --- Signing in --------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

# Who needs a second factor. "nobody" is for trying the console out.
SECOND_FACTOR = env.read(
    "CONSOLE_SECOND_FACTOR", env.one_of("privileged", "everyone", "nobody"), "privileged"
)
# Which approvals take the approver's security key.
APPROVAL_RULES = read_approval_rules()
LOCKOUT_FAILURES = env.read(
    "CONSOLE_LOCKOUT_FAILURES", env.number(least=3, most=100, unit="wrong passwords"), 8
)
LOCKOUT_MINUTES = env.read(
    "CONSOLE_LOCKOUT_MINUTES", env.number(least=1, most=1440, unit="minutes"), 15
)

ACCOUNT_ADAPTER = "console.accounts.signing_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE
ACCOUNT_PRESERVE_USERNAME_CASING = True
# For the codes of second factors, for each person. Passwords have their own throttle
# (console.accounts.signing_in.login_throttle) and the lock-out below.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "5/5m/key"}
MFA_ADAPTER = "console.accounts.signing_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate_webauthn": "console.accounts.pages.own_account_forms.KeyUseForm",
    "reauthenticate_webauthn": "console.accounts.pages.own_account_forms.ConfirmKeyForm",
}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # a code is valid for half a minute more, since clocks differ
USERSESSIONS_TRACK_ACTIVITY = False  # it would write with each request

AXES_FAILURE_LIMIT = LOCKOUT_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOCKOUT_MINUTES)
# By the name alone: more addresses give no more tries.
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_USERNAME_CALLABLE = "console.accounts.signing_in.lockout.tried_name"
AXES_CLIENT_IP_CALLABLE = "console.accounts.signing_in.addresses.sender_address"
AXES_LOCKOUT_CALLABLE = "console.accounts.signing_in.lockout.refuse"
AXES_RESET_ON_SUCCESS = True
# Further tries do not extend a lock-out.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_SENSITIVE_PARAMETERS = ["login", "username", "password", "code", "credential"]
AXES_DISABLE_ACCESS_LOG = True  # the ledger has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# It warns that a name's tries must be counted by address too; they are counted over all addresses.
SILENCED_SYSTEM_CHECKS = ["axes.W006"]

# The organisation's directory, through OpenID Connect (console.accounts.signing_in.oidc).
DIRECTORY = read_directory_settings()

# --- Security ----------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "console.accounts.signing_in.session_store"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_IDLE_MINUTES = env.read(
    "CONSOLE_SESSION_IDLE_MINUTES", env.number(least=5, most=720, unit="minutes"), 60
)
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Browsers allow security keys only on https:// and localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
if EMBED_ORIGINS:
    # Browsers send cookies in a frame of another site only with both.
    SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "None"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
if HTTPS:
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrf"
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    if TRUST_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]

CSRF_FAILURE_VIEW = "console.web.pages.errors.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
PAGE_RATE = env.read("CONSOLE_PAGE_RATE", env.rate, "600/min")
STRANGER_RATE = env.read("CONSOLE_STRANGER_RATE", env.rate, "120/min")
API_RATE = env.read("CONSOLE_API_RATE", env.rate, "6000/min")
UNSAVED_HOURS = env.read("CONSOLE_UNSAVED_HOURS", env.number(least=0, most=744, unit="hours"), 168)
STREAM_LIMIT = env.read(
    "CONSOLE_STREAM_LIMIT", env.number(least=1, most=1000, unit="event streams"), 20
)

# --- API ---------------------------------------------------------------------------------------

REST_FRAMEWORK = rest_framework_settings()

# --- Queue, metrics and logs ----------------------------------------------------------------------

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"

# Without a token, only this machine can read metrics (console.sends.observe.scraping).
METRICS_TOKEN = env.read("CONSOLE_METRICS_TOKEN", env.token, "")
WORKER_METRICS_PORT: int | None = env.read("CONSOLE_WORKER_METRICS_PORT", env.port, None)

LOG_LEVEL = env.read("CONSOLE_LOG_LEVEL", env.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = env.read("CONSOLE_LOG_FORMAT", env.one_of("text", "json"), "text")
configure_structlog()
LOGGING = logging_settings(LOG_LEVEL, LOG_FORMAT)

# Report everything that is wrong with the settings at once.
siem.refuse_wrong_streams(globals())
refuse_unsafe(globals())
