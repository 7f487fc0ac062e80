"""The parts that screens are made of.

`lines`    lines of runs, drawn again only where they differ: title, footer, strips, panels, details
`table`    a list with a cursor, marks, sorted columns and a window of rows from a longer list
`bars`     cells and lines that fill their width: progress bars, rate graphs
`dialog`   what lies over a screen: confirm, choose, tell
`log_view` the log of a task
"""
