"""The runs of the workspace: in the rail, in a table, and what can be done with one."""
