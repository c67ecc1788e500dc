"""Contract 3.1: batches."""

from digitaltwin.tests.contract.instance import BATCH_URL, Instance
from digitaltwin.tests.contract.rest.ingest import stored
from digitaltwin.tests.contract.rest.problems import expect_problem
from digitaltwin.tests.contract.walk import clause, expect, hold

PARTIAL_URL = f"{BATCH_URL}?partial=true"


@clause("batches", "201 with one result per reading, in order")
def _(here: Instance) -> None:
    rows = [here.reading(), here.reading(sensor_type="speed", unit="rpm")]
    answer = here.send({"readings": rows}, url=BATCH_URL)
    expect(answer.status_code, 201, "status")
    expect([row["sensor_type"] for row in answer.json()], ["temperature", "speed"], "order")
    hold(all({"id", "received_at", "processed_at"} <= row.keys() for row in answer.json()), "form")


@clause("batches", "the outer machine_id stands for readings without one; another is refused")
def _(here: Instance) -> None:
    row = here.reading()
    del row["machine_id"]
    body = {"machine_id": here.machine, "readings": [row]}
    expect(here.send(body, url=BATCH_URL).status_code, 201, "without one of its own")
    body["readings"] = [here.reading(machine_id="ZZZ-999")]
    expect_problem(here.send(body, url=BATCH_URL), 400, "machine-mismatch")
    expect_problem(here.send({"readings": [row]}, url=BATCH_URL), 400, "required")


@clause("batches", "200 if all were duplicates, 201 if any was accepted or late")
def _(here: Instance) -> None:
    rows = [here.reading(), here.reading()]
    expect(here.send({"readings": rows}, url=BATCH_URL).status_code, 201, "first")
    again = here.send({"readings": rows}, url=BATCH_URL)
    expect(again.status_code, 200, "again")
    expect([row["status"] for row in again.json()], ["duplicate"] * 2, "again")
    more = here.send({"readings": [*rows, here.reading()]}, url=BATCH_URL)
    expect(more.status_code, 201, "with a new one")


@clause("batches", "all or none: one bad row of 100 and nothing is written; errors say which")
def _(here: Instance) -> None:
    good = [here.reading() for _ in range(99)]
    rows = [*good[:57], here.reading(value="x"), *good[57:]]
    answer = here.send({"readings": rows}, url=BATCH_URL)
    expect_problem(answer, 400, "wrong-type")
    expect([error["index"] for error in answer.json()["errors"]], [57], "which")
    after = here.send({"readings": good}, url=BATCH_URL)
    statuses = {row["status"] for row in after.json()}
    hold("duplicate" not in statuses, "the good rows had not been written")


@clause("batches", "a conflict refuses the batch whole; within one batch too")
def _(here: Instance) -> None:
    row, other = here.reading(), here.reading()
    answer = here.send({"readings": [row, row | {"value": 1}, other]}, url=BATCH_URL)
    expect_problem(answer, 409, "conflicting-duplicate")
    expect([error["index"] for error in answer.json()["errors"]], [1], "which")
    expect(here.send(other).status_code, 201, "the others were not written")


@clause("batches", "partial: 207 as soon as one is refused, the good rows are taken")
def _(here: Instance) -> None:
    kept = here.reading()
    here.send(kept)
    rows = [here.reading(value="x"), here.reading(), kept | {"value": 1}, kept]
    answer = here.send({"readings": rows}, url=f"{PARTIAL_URL}&ack=stored")
    expect(answer.status_code, 207, "status")
    found = answer.json()
    words = [row["status"] for row in found]
    expect([*words[:1], *words[2:]], ["refused", "refused", "duplicate"], "statuses")
    hold(words[1] in ("accepted", "late"), f"the good row is taken, got {words[1]}")
    refused = [row for row in found if row["status"] == "refused"]
    hold(all(row.keys() == {"index", "status", "errors"} for row in refused), "refused rows")
    codes = [row["errors"][0]["code"] for row in refused]
    expect(codes, ["wrong-type", "conflicting-duplicate"], "codes")
    expect(stored(here, rows[1])["value"], 21.5, "the good row is stored")


@clause("batches", "partial: 201 when none is refused, 400 when all are")
def _(here: Instance) -> None:
    good = here.send({"readings": [here.reading()]}, url=PARTIAL_URL)
    expect(good.status_code, 201, "none refused")
    rows = [here.reading(value="x"), here.reading(value=999)]
    expect_problem(here.send({"readings": rows}, url=PARTIAL_URL), 400, "wrong-type")


@clause("batches", "413 batch-too-large, 400 empty-batch")
def _(here: Instance) -> None:
    rows = [here.reading() for _ in range(1001)]
    expect_problem(here.send({"readings": rows}, url=BATCH_URL), 413, "batch-too-large")
    expect_problem(here.send({"readings": []}, url=BATCH_URL), 400, "empty-batch")
    expect(here.send({"readings": rows[:1000]}, url=BATCH_URL).status_code, 201, "1,000")
