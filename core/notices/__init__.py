"""Telling of a task's end: by a command, a web hook or mail. `deliver` chooses the way, `document` is what is
told. Nothing here knows the store; `core.engine.notify` says when and how often."""
