"""Translatable texts of the sources and the German catalogue, read without gettext tools."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

from django.conf import settings
from django.utils.translation.template import templatize

BASE = Path(settings.BASE_DIR)
CATALOGUE = BASE / "realtime/locale/de/LC_MESSAGES/django.po"
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop"}
# Calls into which `templatize` converts a template's texts.
MARKED = re.compile(r"""\bgettext\(u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\)|\b_\(("[^"]*")\)""")


def compiled() -> dict[str, str]:
    """Read the `.mo` file: map each text of the sources to its translation."""
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        found: dict[str, str] = vars(GNUTranslations(file))["_catalog"]
    return {msgid: text for msgid, text in found.items() if msgid}


def written() -> dict[str, str]:
    """Read the `.po` file likewise; it has an entry a paragraph, no plurals and no contexts."""
    text = CATALOGUE.read_text(encoding="utf-8")
    entries = re.findall(r'(?m)^msgid (".*"(?:\n".*")*)\nmsgstr (".*"(?:\n".*")*)$', text)
    assert len(entries) == text.count("\nmsgid ")
    return {_joined(msgid): _joined(words) for msgid, words in entries if _joined(msgid)}


def _joined(literals: str) -> str:
    return "".join(ast.literal_eval(line) for line in literals.splitlines())


def said() -> set[str]:
    """Collect every text that templates and Python mark for translation."""
    return {*_in_templates(), *_in_python()}


def _in_templates() -> Iterator[str]:
    for path in (BASE / "templates").rglob("*.html"):
        for found in MARKED.finditer(templatize(path.read_text(encoding="utf-8"))):
            yield ast.literal_eval(found[1] or found[2])


def _in_python() -> Iterator[str]:
    for room in ("digitaltwin", "realtime", "sensors"):
        for path in (BASE / room).rglob("*.py"):
            if "tests" not in path.parts:
                yield from _marked(ast.parse(path.read_text(encoding="utf-8")))


def _marked(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text))]) if (
                name in MARKS
            ):
                yield text
