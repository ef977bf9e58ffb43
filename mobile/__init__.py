"""The mobile track: the student as TFLite / LiteRT files, and the small runtime that runs them on a device."""
