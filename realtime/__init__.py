"""All that waits: asyncio, WebRTC, HTTP, the command line."""
