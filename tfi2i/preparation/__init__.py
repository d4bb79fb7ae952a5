"""Turns a user's images, or a public set, into a folder that trains."""
