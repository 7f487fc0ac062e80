"""A new export, step by step.

`draft`    what the form holds, and the settings that it stands for     `form`     fields on the screen
`rules`    what is wrong, by field                                      `testing`  the sys account's test
`fields`   every field: step, label, options, when it applies           `summary`  the last step
`work`     preflight, command line and TOML, starting and saving        `screen`   the wizard itself
"""

from tui.screens.wizard.screen import Wizard

__all__ = ["Wizard"]
