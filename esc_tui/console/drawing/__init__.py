"""Pure drawing: figures in, styled lines out; `sections` has one module a section. Imports no engine and no widget."""
