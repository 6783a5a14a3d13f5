"""A tiny gpt-oss: the real classes and the real vocabulary, 26 M parameters, taught by heart what the tests need it to say."""
