"""Pictures of loss scales, of updates, and of what autocast does."""
