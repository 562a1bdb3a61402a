"""GradScaler's calls as buttons, in any order."""
