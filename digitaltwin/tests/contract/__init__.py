"""The contract, walked line by line against a running instance, from outside."""
