"""What the OpenAPI document says of the API (contract 3): addresses, shapes, errors, examples."""
