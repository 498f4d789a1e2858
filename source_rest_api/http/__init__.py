"""One request → one response: error policy, retries, rate limits, connections. Knows nothing of records or pages."""
