"""All that computes per frame: no asyncio, no HTTP, no torch."""
