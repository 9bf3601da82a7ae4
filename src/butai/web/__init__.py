"""The portal's frame: application, security, texts, templates and style. Rooms bring their own pages."""
