"""All that is built ahead of time; the only place where torch may be imported."""
