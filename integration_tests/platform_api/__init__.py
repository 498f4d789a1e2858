"""The connector in Airbyte, by the API of the platform."""
