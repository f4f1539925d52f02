"""Fetch the pictures of web records, politely, and so that a killed run goes on where it was."""
