"""The small words that the document is written in: OpenAPI 3.1 as plain dictionaries."""

from collections.abc import Iterable, Mapping
from typing import Any

Part = dict[str, Any]
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

TEXT: Part = {"type": "string"}
MOMENT: Part = {"type": "string", "format": "date-time"}
NUMBER: Part = {"type": "number"}
COUNT: Part = {"type": "integer", "minimum": 0}
YES_OR_NO: Part = {"type": "boolean"}


def reference(kind: str, name: str) -> Part:
    return {"$ref": f"#/components/{kind}/{name}"}


def shape(name: str) -> Part:
    return reference("schemas", name)


def described(schema: Part, description: str, **more: Any) -> Part:
    return {**schema, "description": description, **more}


def words(values: Iterable[str]) -> Part:
    return {"type": "string", "enum": list(values)}


def objects(properties: Mapping[str, Part], *, optional: Iterable[str] = ()) -> Part:
    """Describe an object with these properties; all but the optional ones are always there."""
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": dict(properties), "required": required}


def closed(properties: Mapping[str, Part], *, optional: Iterable[str] = ()) -> Part:
    """Describe an object that a client sends: other fields are refused."""
    return {**objects(properties, optional=optional), "additionalProperties": False}


def lists(items: Part, **more: Any) -> Part:
    return {"type": "array", "items": items, **more}


def or_null(schema: Part) -> Part:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"oneOf": [schema, {"type": "null"}]}


def content(schema: Part, examples: Mapping[str, Any]) -> Part:
    """JSON of this shape, with examples by name."""
    named = {name: {"value": value} for name, value in examples.items()}
    return {JSON: {"schema": schema, "examples": named}}


def answer(description: str, schema: Part, examples: Mapping[str, Any], *headers: str) -> Part:
    """Describe a response with the headers of every answer and these of the components."""
    return {
        "description": description,
        "headers": named_headers(*headers),
        "content": content(schema, examples),
    }


def named_headers(*names: str) -> Part:
    return {name: reference("headers", name) for name in (*EVERYWHERE, *names)}


EVERYWHERE = ("X-Request-ID", "X-Process-Time")


def problem_answer(status: int, codes: Iterable[str], *headers: str) -> Part:
    """Describe an error response; digitaltwin/openapi adds the meanings of the codes."""
    narrowed = {
        **shape("Problem"),
        "properties": {"status": {"const": status}, "code": {"enum": sorted(codes)}},
    }
    return {
        "description": "",
        "headers": named_headers(*headers),
        "content": {PROBLEM_JSON: {"schema": narrowed}},
    }
