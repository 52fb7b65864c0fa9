"""Sound that is live: microphones, speakers, and what holds a steady pace between clocks that differ."""
