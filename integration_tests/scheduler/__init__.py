"""Syncs on a schedule, by Dagster."""
