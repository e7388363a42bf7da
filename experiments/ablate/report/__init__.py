"""The HTML report of a grid."""
