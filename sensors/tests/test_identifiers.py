"""The names of machines and sensors: the same for the database, the API and the sockets."""

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from sensors.identifiers import is_machine_id, is_sensor_name
from sensors.models.machines import machine_id_validator, position_validator, slug_validator


def accepts(validator: RegexValidator, text: str) -> bool:
    try:
        validator(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", ["CNC-001", "a", "x" * 64, "cell.4_b-2", "..", "-"])
def test_machine_id_is_accepted_by_the_database_too(text: str) -> None:
    assert is_machine_id(text)
    assert accepts(machine_id_validator, text)


@pytest.mark.parametrize("text", ["", "x" * 65, "CNC 001", "CNC-001\n", "a/b", "Säge-1", "CNC-٠٠١"])
def test_other_text_is_refused_by_the_database_too(text: str) -> None:
    assert not is_machine_id(text)
    assert not accepts(machine_id_validator, text)


@pytest.mark.parametrize("value", [None, 1, b"CNC-001", ["CNC-001"]])
def test_machine_id_is_text(value: object) -> None:
    assert not is_machine_id(value)


@pytest.mark.parametrize(
    ("slug", "position"),
    [("temperature", "drive_end"), ("a", "1"), ("x" * 32, "y" * 31), ("a_2", "_")],
)
def test_sensor_name_is_a_slug_and_a_position(slug: str, position: str) -> None:
    assert accepts(slug_validator, slug)
    assert accepts(position_validator, position)
    assert is_sensor_name(slug)
    assert is_sensor_name(f"{slug}.{position}")


@pytest.mark.parametrize(
    "text",
    ["", "2nd", "Temperature", "a.", ".a", "a.b.c", "x" * 33, f"a.{'y' * 32}", "a.B", "a\n", "é"],
)
def test_sensor_name_of_another_form_is_refused(text: str) -> None:
    assert not is_sensor_name(text)
