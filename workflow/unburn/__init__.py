"""unburn: takes burned-in text out of medical images and identity out of their headers."""

__version__ = "0.1.0"
