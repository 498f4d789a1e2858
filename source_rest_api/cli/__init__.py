"""The command line: its arguments, its files, its commands, and what it shows to people."""
