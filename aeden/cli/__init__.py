"""The installed command `aeden`: one file per subcommand, which imports what is slow only when it runs."""
