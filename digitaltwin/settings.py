"""Every setting, read once from the environment or `.env`; docs/settings.md lists them.

A malformed value or an unknown name in `.env` stops the start with one sentence.
Code reads `django.conf.settings`, never the environment.
"""

import sys
from pathlib import Path

from digitaltwin.conf import databases, dotenv, embedded_redis, environment
from digitaltwin.conf.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent
DOTENV = dotenv.dotenv(BASE_DIR)
dotenv.read_dotenv(DOTENV)

DEBUG = env.boolean("DEBUG", default=False)
DATA_DIR = env.folder("DATA_DIR", default=BASE_DIR / "data")
SECRET_KEY = environment.secret_key(DATA_DIR)
HTTPS = env.boolean("HTTPS", default=False)
TIME_ZONE = env.time_zone("TIME_ZONE", default="UTC")
LOG_LEVEL = env.choice("LOG_LEVEL", {"DEBUG", "INFO", "WARNING", "ERROR"}, default="INFO")
LOG_FORMAT = env.choice(
    "LOG_FORMAT", {"json", "console"}, default="console" if sys.stderr.isatty() else "json"
)

# Hosts, origins and proxies
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_FAILURE_VIEW = "digitaltwin.site.problems.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/v1/.*$"
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "x-request-id"]
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST"]
CORS_EXPOSE_HEADERS = [
    "X-Request-ID",
    "X-Process-Time",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
]
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# Database and Redis
DATABASE_POOL_SIZE = env.whole("DATABASE_POOL_SIZE", default=10, least=2)
DATABASES = {
    "default": databases.database(
        env.text("DATABASE_URL", default=""), DATA_DIR, DATABASE_POOL_SIZE
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_EMBEDDED = not env.text("REDIS_URL", default="")
REDIS_URL = env.redis_url("REDIS_URL", default=embedded_redis.url(DATA_DIR))
REDIS_POOL_SIZE = env.whole("REDIS_POOL_SIZE", default=16, least=4)
ALLOW_VOLATILE_LOG = env.boolean("ALLOW_VOLATILE_LOG", default=False)

# Ingest
MACHINE_ID_PATTERN = env.pattern("MACHINE_ID_PATTERN", default=r"[A-Z]{3}-\d{3}")
AUTO_REGISTER_MACHINES = env.boolean("AUTO_REGISTER_MACHINES", default=False)
MAX_FUTURE_SECONDS = env.whole("MAX_FUTURE_SECONDS", default=300, least=0)
MAX_AGE_DAYS = env.optional_whole("MAX_AGE_DAYS", least=1)
MAX_BODY_BYTES = env.whole("MAX_BODY_BYTES", default=1024 * 1024, least=1024)
MAX_BATCH = env.whole("MAX_BATCH", default=1000, least=1)
MAX_IN_FLIGHT = env.whole("MAX_IN_FLIGHT", default=500, least=1)
MAX_LOG_ENTRIES = env.whole("MAX_LOG_ENTRIES", default=2_000_000, least=1)
RATE_LIMIT = env.rate("RATE_LIMIT", default="6000/60")
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

# Live values and history
DEFAULT_STALE_SECONDS = env.whole("DEFAULT_STALE_SECONDS", default=300, least=1)
FRAMES_PER_SECOND = env.whole("FRAMES_PER_SECOND", default=20, least=1)
DASHBOARD_FRAMES_PER_SECOND = env.whole("DASHBOARD_FRAMES_PER_SECOND", default=4, least=1)
HEARTBEAT_SECONDS = env.whole("HEARTBEAT_SECONDS", default=5, least=1)
RECENT_SECONDS = env.whole("RECENT_SECONDS", default=900, least=10)
RAW_RETENTION_DAYS = env.optional_whole("RAW_RETENTION_DAYS", least=1)
ROLLUP_RETENTION_DAYS = env.optional_whole("ROLLUP_RETENTION_DAYS", least=1)

# Users, API documents and metrics
ACCESS_TOKEN_MINUTES = env.whole("ACCESS_TOKEN_MINUTES", default=30, least=1)
API_DOCS = env.boolean("API_DOCS", default=DEBUG)
ENABLE_METRICS = env.boolean("ENABLE_METRICS", default=True)
METRICS_TOKEN = env.token("METRICS_TOKEN")
# A web process ends within 11.5 s; requests in flight have at least the last 2 s of it.
DRAIN_SECONDS = env.whole("DRAIN_SECONDS", default=0, least=0, most=9)

INSTALLED_APPS = [
    # Without daphne: only `runserver` imports it, which saves other processes 25 MB of Twisted.
    "digitaltwin",
    "digitaltwin.accounts.admin_site.PlantAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "axes",
    "sensors",
    "realtime",
]
MIDDLEWARE = [
    # Django's own metrics, of pages and reads; device requests pass no middleware.
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    # The page of a plant with 500 machines is 2 MB, and 80 kB compressed.
    "django.middleware.gzip.GZipMiddleware",
    "digitaltwin.site.middleware.content_security_policy",
    "digitaltwin.site.languages.page_language",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "digitaltwin.urls"
ASGI_APPLICATION = "digitaltwin.asgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
CHANNEL_LAYERS = {"default": {"BACKEND": "digitaltwin.serving.channel_layer.ChannelLayer"}}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours: fifteen minutes
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# A lockout ends fifteen minutes after the failure that caused it, regardless of further attempts.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "digitaltwin.accounts.views.client_address"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^api/v1/health(/live|/ready)?$", r"^metrics$"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# One catalogue for the templates and the texts of all packages.
LOCALE_PATHS = [BASE_DIR / "realtime" / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "digitaltwin.site.static_files.Storage"},
}
# Without `collectstatic`, files are served from the source tree, so that the first start needs no
# such step. With it, as in the image, its files are served: hashed, compressed and cacheable.
SERVESTATIC_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").is_file()
SERVESTATIC_AUTOREFRESH = DEBUG

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "sensors.access.user_tokens.UserTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "digitaltwin.openapi.operations.NamedOperations",
    "EXCEPTION_HANDLER": "digitaltwin.site.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Digital Twin Manufacturing Platform",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "This host"}],
    "VERSION": environment.VERSION,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": ["digitaltwin.openapi.schema.complete_schema"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
SIMPLE_JWT = environment.token_settings(SECRET_KEY, ACCESS_TOKEN_MINUTES)
LOGGING_CONFIG = "digitaltwin.conf.logs.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}
TEST_RUNNER = "django.test.runner.DiscoverRunner"
SILENCED_SYSTEM_CHECKS: list[str] = []
dotenv.refuse_unknown_names(DOTENV, env.names)
