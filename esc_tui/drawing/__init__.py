"""Pure drawing: numbers to lines of styled text. Nothing here knows a widget, an engine or the time."""
