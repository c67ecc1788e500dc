"""The German catalogue: complete, compiled, and with the placeholders of each sentence."""

import re

from django.utils.translation import gettext, override

from digitaltwin.site.tests.catalogue import CATALOGUE, compiled, said, written

PLACES = re.compile(r"%\(\w+\)s|\{\w+\}|</?(?:a|strong|code|kbd)\b")


def test_catalogue_holds_what_the_sources_say_and_nothing_else() -> None:
    assert said() == set(written())


def test_catalogue_leaves_nothing_empty_or_doubtful() -> None:
    assert [msgid for msgid, text in written().items() if not text.strip()] == []
    assert "fuzzy" not in CATALOGUE.read_text(encoding="utf-8")


def test_translations_keep_the_places_of_their_sentences() -> None:
    def places(text: str) -> list[str]:
        return sorted(PLACES.findall(text))

    changed = [msgid for msgid, text in written().items() if places(msgid) != places(text)]

    assert changed == []


def test_compiled_catalogue_is_the_written_one() -> None:
    assert compiled() == written()


def test_django_reads_the_compiled_catalogue() -> None:
    with override("de"):
        assert gettext("no reading yet") == "noch kein Messwert"
