"""The lake: Parquet files on an S3 server, written by dlt, read by others."""
