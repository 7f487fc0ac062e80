"""The vocabulary: frozen, validated types for connections, exports and tasks, and their TOML and JSON forms.

`vocabulary`  enums and patterns          `settings`    what an export or a task is to do
`connection`  ways into databases         `task`        a run: its status, objects, files, progress
`secret`      where a password comes from `convert`     to and from TOML and JSON, with helpful errors
"""
