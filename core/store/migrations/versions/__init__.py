"""The changes, in the order of their numbers. A module that was released is never edited."""
