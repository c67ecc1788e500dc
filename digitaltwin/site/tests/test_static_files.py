"""Static files before and after `collectstatic`."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from digitaltwin.site.static_files import Storage

# Only our own: the others take seconds.
NOT_OURS = ["admin", "drf_spectacular_sidecar", "rest_framework", "tests"]
MODULE = "js/pages/plant.js"


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """An empty STATIC_ROOT."""
    settings.STATIC_ROOT = tmp_path
    return tmp_path


def test_static_file_keeps_its_name_where_nothing_was_collected(folder: Path) -> None:
    assert Storage().url(MODULE) == f"/static/{MODULE}"


def test_collected_files_are_hashed_and_compressed_and_import_each_other(folder: Path) -> None:
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_OURS)

    page = Storage().url(MODULE)
    assert re.fullmatch(r"/static/js/pages/plant\.[0-9a-f]{12}\.js", page)
    text = (folder / page.removeprefix("/static/")).read_text()
    [live] = re.findall(r'from "\.\./(live/page\.[0-9a-f]{12}\.js)"', text)
    assert (folder / "js" / live).is_file()
    assert (folder / "js" / f"{live}.gz").is_file()
