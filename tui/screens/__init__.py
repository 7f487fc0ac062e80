"""The screens. How they work together, and what to keep to when one is added:

- A screen is a `Page` (`tui.screens.base`), one module each; read its docstring. What lies over a screen
  (questions, menus, sheets) is a `ModalScreen` beside `tui.widgets.dialog`.
- The three main screens are modes of the application (`1`, `2`, `3`), each with a stack of its own: push
  with `self.app.push_screen(Other(...))`; Escape pops.
- All that is shown comes from a `Query`, all that is done goes through `self.offramp.service`, never through
  the store. Reading by `wanted()` is for what the store knows and takes milliseconds. Everything else that
  may block, and every action that writes, runs as `self.offramp.call(work, then, doing=...)`: in a thread,
  its OfframpError shown in full, `then(result)` back on the loop.
- Keys are actions of the registry (`tui.actions`), never bindings of a screen's own. Inside a form, the
  widgets' own keys and Tab.
- Text is `Line`s of runs with roles (`tui.runs`): whatever comes from outside through `run()`, which makes it
  inert. Where Textual wants a string (Input, Button), no data goes into it but through `plain()`, and no
  widget that reads markup (Label, Static) is given any: use `Lines`.
- Rows: `Table.show` with `Row(id, cells)`; it draws what differs. Times: `self.offramp.now()`; words about
  tasks: `core.service.words`, so that the command line says the same. Glyphs: `self.offramp.glyphs`.
- Layout at 80×24 first; what doesn't fit is dropped by priority (`Column.drop`), never wrapped; more from
  120 columns on. No boxes within boxes, no spinner, no animation.
- Questions before something is destroyed: `tui.widgets.dialog.confirm`, the safe answer under the cursor.
"""
