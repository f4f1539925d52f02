"""The commands by topic: one thin function each. Nothing here imports torch before it is needed."""
