"""Every line of bad_inputs.jsonl as a clause; tables map it to the requests that it sends."""

import json
from pathlib import Path

from digitaltwin.tests.contract.doors import DOORS
from digitaltwin.tests.contract.handshakes import SOCKETS
from digitaltwin.tests.contract.rest.bad_bodies import BODIES
from digitaltwin.tests.contract.rest.envelope import ENVELOPE
from digitaltwin.tests.contract.walk import clause

FILE = Path(__file__).parents[2] / "data" / "bad_inputs.jsonl"
KNOWN = ENVELOPE | BODIES | DOORS | SOCKETS
LINES = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]

for _line in LINES:
    clause(_line["id"], f"{_line['generate']} -> {_line['expect']}")(KNOWN[_line["id"]])
