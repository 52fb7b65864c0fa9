"""Pure drawing: numbers to lines of styled text. Knows no widget, no engine, no batch, no time."""
