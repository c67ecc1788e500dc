"""Libraries of a web process, imported without the optional dependencies that it never uses.

`asgi.py` imports this module before the libraries are imported elsewhere. The figures are the
megabytes that a dependency adds to the anonymous memory of a web process, each measured alone.
"""

from digitaltwin.serving.import_pruning import modules_hidden, package_without_init

# psycopg though the database is SQLite: 6.1; colours of DRF's browsable API, which is disabled
# here: 1.0; YAML of DRF's own schemas: 0.8; DRF's test client, where `requests` is installed.
with modules_hidden("django.contrib.postgres", "pygments", "yaml", "requests"):
    import rest_framework.compat  # noqa: F401

# Signature algorithms other than the tokens' HS256: 3.1; PyJWT would load them at the first token.
with modules_hidden("cryptography"):
    import jwt  # noqa: F401

# SimpleJWT imports one signal of Django's test client: 1.8.
with package_without_init("django.test"):
    import django.test.signals  # noqa: F401
