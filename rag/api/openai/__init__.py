"""Routes under /v1 in the shapes of OpenAI's API: whatever client speaks to that works here with another base URL."""
