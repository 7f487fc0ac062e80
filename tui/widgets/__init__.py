"""The parts that screens are made of.

`lines`    lines of runs, drawn again only where they differ: title, footer, strips, panels, details
`table`    a list with a cursor, marks, sorted columns and a window of rows from a longer list
`bars`     cells and lines that fill their width: progress bars, rate graphs
`tail`     paths whose ends are shown where there is little room
`form`     fields with their rules, over a screen
`flow`     the picture of how data flows, as a pure function; `flow_view` shows it
`dialog`   what lies over a screen: confirm, choose, tell
`log_view` the log of a task; `log_lines` its rows
`sheet`    lines to be read, scrolled by keys
"""
