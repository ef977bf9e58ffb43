"""The contract: vectors made from the project's Python that every other language's runtime is checked against."""
