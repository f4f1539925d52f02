"""An index of pictures, and questions to it."""
