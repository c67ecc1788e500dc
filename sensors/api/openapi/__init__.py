"""The OpenAPI document of the API: addresses, shapes, errors and examples."""
