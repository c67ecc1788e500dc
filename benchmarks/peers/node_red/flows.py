"""The flow that a user of Node-RED builds for a plant: a group a machine, a text a sensor."""

from collections.abc import Iterator, Sequence
from typing import Any

Node = dict[str, Any]
PATH = "/dashboard/plant"
# Splits a batch, {readings: [{machine_id, sensor_type, value}, ...]}, and sends each value to its
# widget: one output a sensor, in the order of the widgets, the first for the answer.
_ROUTE = """
const outputs = context.get("outputs") ?? new Map(NAMES.map((name, at) => [name, at + 1]));
context.set("outputs", outputs);
const out = [{ ...msg, payload: { accepted: msg.payload.readings.length } }];
for (const { machine_id, sensor_type, value } of msg.payload.readings) {
  out[outputs.get(`${machine_id} ${sensor_type}`)] = { payload: value };
}
return out;
"""


def flows(machines: Sequence[str], sensors: Sequence[str]) -> list[Node]:
    """Every node of it; readings come in by `POST /readings`."""
    widgets = list(_widgets(machines, sensors))
    names = [f"{machine} {sensor}" for machine in machines for sensor in sensors]
    route = {
        "id": "route",
        "type": "function",
        "z": "plant",
        "func": f"const NAMES = {names!r};\n{_ROUTE}",
        "outputs": 1 + len(widgets),
        "wires": [["answer"], *([widget["id"]] for widget in widgets)],
    }
    return [
        {"id": "plant", "type": "tab", "label": "Plant"},
        {"id": "base", "type": "ui-base", "name": "Plant", "path": "/dashboard"},
        {"id": "theme", "type": "ui-theme", "name": "Default", **_THEME},
        {
            "id": "page",
            "type": "ui-page",
            "name": "Plant",
            "ui": "base",
            "path": "/plant",
            "layout": "grid",
            "theme": "theme",
            "order": 1,
            "visible": True,
            "disabled": False,
        },
        {
            "id": "in",
            "type": "http in",
            "z": "plant",
            "url": "/readings",
            "method": "post",
            "wires": [["route"]],
        },
        route,
        {"id": "answer", "type": "http response", "z": "plant", "statusCode": "201", "wires": []},
        *(_group(number, machine) for number, machine in enumerate(machines)),
        *widgets,
    ]


_THEME = {
    "colors": {
        "surface": "#ffffff",
        "primary": "#0094CE",
        "bgPage": "#eeeeee",
        "groupBg": "#ffffff",
        "groupOutline": "#cccccc",
    },
    "sizes": {
        "pagePadding": "12px",
        "groupGap": "12px",
        "groupBorderRadius": "4px",
        "widgetGap": "12px",
    },
}


def _group(number: int, machine: str) -> Node:
    return {
        "id": f"group-{machine}",
        "type": "ui-group",
        "name": machine,
        "page": "page",
        "width": "3",
        "height": "1",
        "order": number + 1,
        "showTitle": True,
        "visible": "true",
        "disabled": "false",
    }


def _widgets(machines: Sequence[str], sensors: Sequence[str]) -> Iterator[Node]:
    for machine in machines:
        for order, sensor in enumerate(sensors):
            yield {
                "id": f"text-{machine}-{sensor}",
                "type": "ui-text",
                "z": "plant",
                "group": f"group-{machine}",
                "order": order + 1,
                "width": 0,
                "height": 0,
                "name": sensor,
                "label": sensor,
                "format": "{{msg.payload}}",
                "layout": "row-spread",
                "value": "payload",
                "valueType": "msg",
                "wires": [],
            }
