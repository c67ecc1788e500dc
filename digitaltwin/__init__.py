"""Where the processes are put together; each of them begins here."""

from digitaltwin.serving.import_pruning import absent

# Twisted comes with daphne, and structlog would load it for its logger: 1.8 MB of every process.
# Rich comes with tools of development; our formatter has made a text of a traceback before.
with absent("twisted", "rich"):
    import structlog  # noqa: F401
