"""Pure drawing: figures in, styled lines out; `sections` has the parts of a pane. Imports no engine and no widget."""
