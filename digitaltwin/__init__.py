"""Configuration, servers, supervision and the shared site; every process imports it first."""

from digitaltwin.serving.import_pruning import modules_hidden

# daphne brings Twisted, and structlog would load it for its logger: 1.8 MB in every process.
# Development tools bring Rich; the log formatter has already rendered the traceback.
with modules_hidden("twisted", "rich"):
    import structlog  # noqa: F401
