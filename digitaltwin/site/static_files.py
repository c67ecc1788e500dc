"""Static files, from the source tree or, after `collectstatic`, from STATIC_ROOT."""

from servestatic.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Storage with hashed and compressed files; before `collectstatic`, with plain names."""

    # Hashed names in module imports, too: a page never mixes modules of two releases.
    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        stored: str = super().stored_name(name) if self.hashed_files else name
        return stored
