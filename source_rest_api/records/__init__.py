"""Records: decodes a response body, selects its records and changes them."""
