"""What the launcher knows without a screen: the commands' options as a form, its checks, and the last settings."""
