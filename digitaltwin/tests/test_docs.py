"""Documents that describe the source: metrics, packages and links, compared with the tree."""

import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client.metrics import Gauge, MetricWrapperBase

from realtime.protocol import Close
from sensors import metrics

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sensors", "realtime", "digitaltwin")
# Parts of a package, not packages of their own.
PARTS = {"tests", "commands"}
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md"]
)


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def test_metrics_document_lists_every_metric_with_its_type_and_labels() -> None:
    defined = {
        metric._name: (metric._type, set(metric._labelnames))
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }

    rows = re.findall(
        r"^\| `(digitaltwin_\w+)` \| (\w+) \|(.*?)\|", text_of("docs/metrics.md"), re.MULTILINE
    )
    listed = {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}

    assert listed == defined
    assert len(rows) == len(listed)


def test_every_gauge_says_how_processes_are_combined() -> None:
    gauges = [metric for metric in vars(metrics).values() if isinstance(metric, Gauge)]

    modes = {gauge._name: gauge._multiprocess_mode for gauge in gauges}

    assert "all" not in modes.values()  # the default: a series for every process that ever ran


def test_socket_document_lists_every_close_code() -> None:
    rows = re.findall(r"^\| (\d{4}(?:, \d{4})*) \|", text_of("docs/sockets.md"), re.MULTILINE)

    listed = {int(code) for row in rows for code in row.split(", ")}

    assert {code.value for code in Close} <= listed


def test_architecture_names_every_package_once() -> None:
    packages = [
        str(path.parent.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
        if path.parent != ROOT / room and not PARTS & set(path.parts)
    ]

    rows = re.findall(
        rf"^\| `((?:{'|'.join(ROOMS)})/[a-z_/]+)/` \| .* \| (?:`([\w/]+\.py)`)? ?\|$",
        text_of("docs/architecture.md"),
        re.MULTILINE,
    )

    assert sorted(package for package, _ in rows) == sorted(packages)
    assert [row for row in rows if not (ROOT / "/".join(row)).exists()] == []


def test_architecture_shows_the_import_order_of_the_contracts() -> None:
    configuration = tomllib.loads(text_of("pyproject.toml"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    layers = {
        room: contract["layers"]
        for contract in contracts
        for room in contract.get("containers", [])
    }

    block = text_of("docs/architecture.md").split("```")[1]
    shown = {
        room: re.findall(r"^  (.+)$", lines, re.MULTILINE)
        for room, lines in re.findall(r"^(\w+)\n((?:  .+\n)+)", block, re.MULTILINE)
    }

    assert {room: [modules(line) for line in lines] for room, lines in shown.items()} == {
        room: [modules(line) for line in lines] for room, lines in layers.items()
    }


def modules(layer: str) -> tuple[bool, set[str]]:
    """Return whether the modules of a layer may import each other, and their names."""
    return "|" not in layer, set(re.findall(r"\w+", layer))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_to_files_and_headings(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text(encoding="utf-8")))

    broken = [link for link in links if not leads_somewhere(link, document)]

    assert not broken


def leads_somewhere(link: str, document: Path) -> bool:
    """Whether a relative link has a target; links to other hosts are not followed."""
    if re.match(r"[a-z]+:", link):
        return True
    path, _, heading = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists() or ROOT not in (target, *target.parents):
        return False
    return not heading or heading in headings(target.read_text(encoding="utf-8"))


def headings(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    titles = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_files_that_a_document_names_exist(document: Path) -> None:
    """A path in backticks that begins with a folder of the repository."""
    folders = "|".join((*ROOMS, "static", "templates", "benchmarks", "docs"))
    names = re.findall(
        rf"`((?:{folders})/[\w./-]+\.(?:py|lua|js|html|css|md|yaml|po|svg|json))\b",
        document.read_text(encoding="utf-8"),
    )

    missing = {name for name in names if not (ROOT / name).exists()}

    assert not missing
