"""What the OpenAPI document says of the API: addresses, shapes, errors, examples."""
