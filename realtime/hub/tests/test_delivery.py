"""How much is delivered before all else gets a turn."""

from typing import Any

from realtime.hub.delivery import CHARACTERS, DELIVERIES, DeliveryBudget
from sensors.messages import DashboardFrame, Frame, MachineFrame


def make_frame(machine_id: str = "", text: str = "{}") -> Frame:
    fields: dict[str, Any] = {
        "epoch": "e1",
        "previous": "1-0",
        "position": "2-0",
        "received_at": 0,
        "text": text,
    }
    if not machine_id:
        return DashboardFrame(**fields)
    return MachineFrame(machine_id=machine_id, **fields)


def test_turn_has_room_for_a_frame_of_each_feed() -> None:
    turn = DeliveryBudget()
    for frame in (make_frame("CNC-001"), make_frame("MIL-002"), make_frame()):
        assert not turn.is_over_before(frame)
        turn.add(frame, 10)

    assert turn.is_over_before(make_frame("CNC-001"))
    assert turn.is_over_before(make_frame())
    assert not turn.is_over_before(make_frame("CNC-003"))


def test_turn_is_over_after_many_deliveries() -> None:
    turn = DeliveryBudget()

    turn.add(make_frame("CNC-001"), DELIVERIES - 1)
    one_before = turn.is_over_before(make_frame("MIL-002"))
    turn.add(make_frame("MIL-002"), 1)

    assert not one_before
    assert turn.is_over_before(make_frame("CNC-003"))


def test_turn_is_over_after_long_texts() -> None:
    turn = DeliveryBudget()

    turn.add(make_frame("CNC-001", "x" * CHARACTERS), 1)

    assert turn.is_over_before(make_frame("MIL-002"))
