from support.tiny_root import engine, tiny

__all__ = ["engine", "tiny"]
