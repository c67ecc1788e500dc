"""Figures of how the code reads: sizes, docstrings, folders and imports.

`python -m benchmarks.readability` prints them; digitaltwin/tests/test_language.py keeps budgets.
"""

import ast
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("sensors", "realtime", "digitaltwin")
# First words of a docstring that describe around a noun instead of using it.
INDIRECT = frozenset({"what", "who", "whose", "how", "those", "one", "another", "as", "whatever"})
# Names that a framework fixes in many places.
FIXED_CLASSES = frozenset({"Command", "Meta", "Migration"})
FIXED_MODULES = frozenset({"__init__.py", "apps.py", "conftest.py", "urls.py"})
_LEFT_OUT = frozenset({"tests", "migrations"})
_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A module of the product, parsed."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


def product_sources() -> list[Source]:
    """Parse every module of the three rooms, without tests and migrations."""
    paths = [
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if not _LEFT_OUT & set(path.parts)
    ]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    return [Source(path, text, ast.parse(text)) for path, text in texts.items()]


def docstrings(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """Yield (place, docstring) of modules, classes and functions."""
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, _Documented) and (text := ast.get_docstring(node)):
                yield f"{source.path}:{getattr(node, 'lineno', 1)}", text


def indirect_docstrings(sources: Iterable[Source]) -> list[str]:
    """List the docstrings whose first word is one of INDIRECT."""
    return [
        f"{place} {text.splitlines()[0]}"
        for place, text in docstrings(sources)
        if text.split()[0].strip(",.:;").lower() in INDIRECT
    ]


def repeated_classes(sources: Iterable[Source]) -> dict[str, list[str]]:
    """Return the names of classes defined more than once, with their modules."""
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and node.name not in FIXED_CLASSES:
                modules[node.name].append(source.path)
    return {name: paths for name, paths in modules.items() if len(paths) > 1}


def modules_by_folder(sources: Iterable[Source]) -> Counter[str]:
    """Count the modules of each folder, without those that Django or pytest name."""
    return Counter(
        source.folder for source in sources if source.path.rpartition("/")[2] not in FIXED_MODULES
    )


def own_imports(source: Source) -> set[str]:
    """Return the modules of the rooms that a module imports, beyond the vocabulary."""
    imported: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return {
        name for name in imported if name.partition(".")[0] in ROOMS and not _is_vocabulary(name)
    }


def _is_vocabulary(module: str) -> bool:
    """Return whether a module lies directly in the room `sensors`, as enums and timestamps do."""
    return (ROOT / f"{module.replace('.', '/')}.py").is_file() and module.count(".") == 1


def word_share(sources: Iterable[Source], word: str) -> float:
    """Return how often a word occurs in 10,000 words of docstrings and comments."""
    words: list[str] = []
    for source in sources:
        words += _WORD.findall(" ".join(_prose(source)).lower())
    return 10_000 * words.count(word) / max(1, len(words))


def _prose(source: Source) -> Iterator[str]:
    for _place, text in docstrings([source]):
        yield text
    for line in source.text.splitlines():
        _code, mark, comment = line.partition("# ")
        if mark:
            yield comment


def function_lines(sources: Iterable[Source]) -> list[int]:
    """Return the lengths of all functions in lines, sorted."""
    return sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def figures(sources: list[Source]) -> Mapping[str, object]:
    """Return the figures by name."""
    lengths = function_lines(sources)
    documented = list(docstrings(sources))
    indirect = indirect_docstrings(sources)
    folders = modules_by_folder(sources)
    imports = {source.path: len(own_imports(source)) for source in sources}
    return {
        "modules": len(sources),
        "lines": sum(source.lines for source in sources),
        "longest module": max((source.lines, source.path) for source in sources),
        "functions": len(lengths),
        "function lines, median": int(statistics.median(lengths)),
        "function lines, 90 %": lengths[int(0.9 * len(lengths))],
        "function lines, longest": lengths[-1],
        "docstrings": len(documented),
        "docstrings that begin What, Who, One ...": len(indirect),
        '"what" in 10,000 words of prose': round(word_share(sources, "what"), 1),
        "modules in a folder, most": folders.most_common(1)[0],
        "modules imported by one module, most": max((n, path) for path, n in imports.items()),
        "class names defined twice": len(repeated_classes(sources)),
    }


def main() -> None:
    for name, figure in figures(product_sources()).items():
        print(f"{name:45} {figure}")


if __name__ == "__main__":
    main()
