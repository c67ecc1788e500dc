"""Budgets of how the code reads, measured by benchmarks/readability.py."""

import pytest

from benchmarks import readability
from benchmarks.readability import Source


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return readability.product_sources()


def test_docstrings_begin_with_a_verb_or_a_noun(sources: list[Source]) -> None:
    assert readability.indirect_docstrings(sources) == []


def test_class_names_are_defined_once(sources: list[Source]) -> None:
    assert readability.repeated_classes(sources) == {}


def test_folders_have_at_most_twelve_modules(sources: list[Source]) -> None:
    folders = readability.modules_by_folder(sources)

    assert {folder: count for folder, count in folders.items() if count > 12} == {}


def test_prose_names_things_instead_of_describing_around_them(sources: list[Source]) -> None:
    assert readability.word_share(sources, "what") < 20


def test_functions_have_at_most_fifty_lines(sources: list[Source]) -> None:
    assert readability.function_lines(sources)[-1] <= 50


def test_modules_have_at_most_three_hundred_lines(sources: list[Source]) -> None:
    assert [source.path for source in sources if source.lines > 300] == []


def test_modules_import_few_others(sources: list[Source]) -> None:
    """Hold the two modules that put a package together, the hub and the machine page, to 11."""
    imports = {source.path: len(readability.own_imports(source)) for source in sources}

    assert {path: count for path, count in imports.items() if count > 11} == {}
