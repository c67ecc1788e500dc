"""Static files: found in the source tree, or as `collectstatic` laid them out in STATIC_ROOT."""

from servestatic.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Collects with hashes and compressed; until something was collected, names stay plain."""

    # A module's imports name the hashed files, too: no page runs half of an older release.
    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        stored: str = super().stored_name(name) if self.hashed_files else name
        return stored
