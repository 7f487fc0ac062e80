"""A new export, step by step.

`draft`     what the form holds, and the settings it stands for   `form`      fields on the screen
`rules`     what is wrong, by field                               `fields`    every field, by step
`filling`   what a form opens with; `retained` from the last one  `around`    what store, server, disk say
`way`       from step to step                                     `hints`     the line at the bottom
`testing`   the sys account's test                                `summary`   the last step
`checking`  command line and preflight, in a thread               `findings`  what a preflight says
`filed`     files and places as typed; `file_fields` are theirs   `called`      what files are called
`work`      starting and saving                                   `screen`    the wizard itself
"""

from tui.screens.wizard.screen import Wizard

__all__ = ["Wizard"]
