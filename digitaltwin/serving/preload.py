"""The libraries of a web process without their parts for others.

`asgi.py` imports this before anything else wants them. The megabytes are what a part adds to the
anonymous memory of a web process, each measured alone.
"""

from digitaltwin.serving.import_pruning import absent, unopened

# psycopg though the database is SQLite: 6.1; colours of DRF's browsable pages, which nobody can
# open here: 1.0; YAML of its own schemas: 0.8; its test client, where `requests` is installed.
with absent("django.contrib.postgres", "pygments", "yaml", "requests"):
    import rest_framework.compat  # noqa: F401

# Algorithms that no token of ours has (HS256): 3.1, and not at the first token.
with absent("cryptography"):
    import jwt  # noqa: F401

# SimpleJWT wants one signal of Django's test client: 1.8.
with unopened("django.test"):
    import django.test.signals  # noqa: F401
